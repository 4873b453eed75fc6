"""A search that is stopped goes on, and ends where an undisturbed one ends."""

import time

import numpy as np
import pytest

from airq.models.ensemble import Member
from airq.models.tuning import Tuning

DATA = (np.arange(6.0), np.array(["a", "b", "c"], dtype=object))
START = (Member("lightgbm"),)


def learning_rate(members):
    "Pretend error: the farther from 0.05, the worse."
    return abs(members[0].parameters.get("learning_rate", 1.0) - 0.05)


def test_the_best_of_all_trials_is_returned(tmp_path):
    "Eight trials, the first of which changes nothing, come closer than one."
    best = Tuning(8, tmp_path / "log")(START, learning_rate, DATA, seed=0)
    assert learning_rate(best) < learning_rate(START)


def test_an_interrupted_search_ends_with_the_same_members(tmp_path):
    "Ctrl-C in the fourth trial, then a second start: same result, and finished trials are not repeated."
    undisturbed = Tuning(6, tmp_path / "whole")(START, learning_rate, DATA, seed=0)
    calls = []

    def interrupted(members):
        calls.append(members)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return learning_rate(members)

    search = Tuning(6, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        search(START, interrupted, DATA, seed=0)
    assert search(START, interrupted, DATA, seed=0) == undisturbed
    assert len(calls) == 7


def test_other_data_start_another_search(tmp_path):
    "Trials on one table say nothing about another."
    calls = []

    def counted(members):
        calls.append(members)
        return learning_rate(members)

    search = Tuning(2, tmp_path / "log")
    search(START, counted, DATA, seed=0)
    search(START, counted, (DATA[0] + 1, DATA[1]), seed=0)
    assert len(calls) == 4


def test_trials_fill_the_time_that_they_may_take(tmp_path):
    "Trials of 0.2 s at least: up to three in 0.7 s, no more at a second start, one where there is no time."
    calls = []

    def slow(members):
        calls.append(members)
        time.sleep(0.2)
        return learning_rate(members)

    search = Tuning(None, tmp_path / "log", seconds=0.7)
    search(START, slow, DATA, seed=0)
    first = len(calls)
    assert 1 <= first <= 3
    search(START, slow, DATA, seed=0)
    assert len(calls) == first
    Tuning(None, tmp_path / "short", seconds=0.01)(START, slow, DATA, seed=0)
    assert len(calls) == first + 1


def test_more_time_goes_on_with_the_trials_that_there_are(tmp_path):
    "One trial in no time, then three trials at most in an hour: the first is not repeated."
    calls = []

    def counted(members):
        calls.append(members)
        return learning_rate(members)

    Tuning(None, tmp_path / "log", seconds=1e-6)(START, counted, DATA, seed=0)
    Tuning(3, tmp_path / "log", seconds=3600)(START, counted, DATA, seed=0)
    assert len(calls) == 3
