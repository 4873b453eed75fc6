"""The allowance of a service: never more than it grants, and little less while work is left."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE

from airq.sources.online.calls import WINDOWS, CallBudget, ledger_of
from airq.sources.online.open_meteo import FREE_CALLS, MOST_CALLS


class Clock:
    "A clock that is set by hand."

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def run(sizes, limits, clock):
    "Send requests as soon as they may be sent; return when each was, and how large."
    budget, sent = CallBudget(limits, clock=clock), []
    for calls in sizes:
        while pause := budget.take(calls):
            clock.now += pause
        sent.append((clock.now, calls))
    return np.array(sent)


def used(sent, end, window):
    "Calls in the window that ends at a time, both ends included."
    inside = (sent[:, 0] >= end - window) & (sent[:, 0] <= end)
    return sent[inside, 1].sum()


@given(st.lists(st.floats(0.1, MOST_CALLS), min_size=1, max_size=300))
def test_no_window_of_the_free_service_is_exceeded(sizes):
    "Whatever the sizes of requests, in every minute, hour and day that ends with a request."
    sent = run(sizes, FREE_CALLS, Clock())
    for window, limit in zip(WINDOWS, FREE_CALLS, strict=True):
        assert max(used(sent, end, window) for end, _ in sent) <= limit + 1e-6


@given(st.lists(st.floats(50.0, MOST_CALLS), min_size=150, max_size=250))
def test_little_is_left_unused_while_work_is_left(sizes):
    "Just before every request that had to wait, some window held four fifths of its calls."
    sent = run(sizes, FREE_CALLS, Clock())
    waited = np.flatnonzero(np.diff(sent[:, 0]) > 0) + 1
    for number in waited:
        before, end = sent[:number], sent[number, 0] - 1e-3
        shares = [
            used(before, end, window + 1) / limit for window, limit in zip(WINDOWS, FREE_CALLS, strict=True)
        ]
        assert max(shares) >= 0.8


def test_a_minute_is_waited_for_by_hand():
    "Two requests of 60 fill a limit of 120; the third waits until the first is a minute and a second old."
    clock = Clock()
    budget = CallBudget((120, 1000, 1000), clock=clock)
    assert budget.take(60) == 0
    clock.now = 10
    assert budget.take(60) == 0
    assert budget.take(60) == 51
    clock.now = 61
    assert budget.take(60) == 0


def test_what_waits_spends_nothing():
    "Asking again and again does not move the time."
    budget = CallBudget((10, 100, 100), clock=Clock())
    assert [budget.take(10), budget.take(1), budget.take(1), budget.take(1)] == [0, 61, 61, 61]


def test_another_run_shares_the_ledger(tmp_path):
    "A second object, as in another process or tomorrow, knows what the first has spent."
    clock = Clock()
    first = CallBudget((10, 100, 100), ledger=tmp_path / "calls.json", clock=clock)
    assert first.take(10) == 0
    second = CallBudget((10, 100, 100), ledger=tmp_path / "calls.json", clock=clock)
    assert second.take(1) == 61


@pytest.mark.parametrize("content", ["", "[[1", "{}", '"x"', "[[1, 2, 3]]"])
def test_a_damaged_ledger_is_begun_anew(tmp_path, content):
    "It is an account of one day, no more."
    ledger = tmp_path / "calls.json"
    ledger.write_text(content)
    assert CallBudget((10, 100, 100), ledger=ledger, clock=Clock(5.0)).take(4) == 0
    assert json.loads(ledger.read_text()) == [[5.0, 4]]


def test_a_clock_that_ran_ahead_is_not_believed(tmp_path):
    "An entry two days in the future does not stop the run."
    ledger = tmp_path / "calls.json"
    ledger.write_text("[[172900, 10]]")
    assert CallBudget((10, 100, 100), ledger=ledger, clock=Clock()).take(10) == 0


SPEND = """
import sys
from airq.sources.online.calls import CallBudget
budget = CallBudget((1000, 1000, 1000), ledger=sys.argv[1], clock=lambda: 0.0)
for _ in range(40):
    budget.take(1)
"""


def test_no_call_of_two_processes_is_lost(tmp_path):
    "Forty calls each are eighty."
    ledger = tmp_path / "calls.json"
    both = [subprocess.Popen([sys.executable, "-c", SPEND, str(ledger)]) for _ in range(2)]
    assert [one.wait(PATIENCE) for one in both] == [0, 0]
    assert sum(calls for _, calls in json.loads(ledger.read_text())) == 80


def test_a_request_beyond_all_limits_is_refused():
    "It would wait for ever."
    with pytest.raises(ValueError, match="exceeds the limit of 10"):
        CallBudget((10, 100, 100)).take(11)


@pytest.mark.parametrize("limits", [(), (1, 2), (1, 2, 0)])
def test_limits_are_three(limits):
    "A minute, an hour and a day, all above 0."
    with pytest.raises(ValueError, match="a minute, an hour and a day"):
        CallBudget(limits)


def test_the_ledger_is_the_users(monkeypatch, tmp_path):
    "In the folder of caches, under the name of the service."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ledger_of("127.0.0.1:80") == tmp_path / "airq" / "calls-127.0.0.1-80.json"
