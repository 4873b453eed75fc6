"""A process that is ended from outside is one line, whatever was running."""

import os

import pytest
from imbalance.comparison.runs import lasting_text, lasts
from imbalance.reproduction import Case, reproduce
from imblearn.base import BaseSampler

from imbalance.comparison.strategies import Strategy
from imbalance.hazard_fits import held_out_scores


def test_a_killed_process_of_the_reproduction_is_one_line(tmp_path):
    "Two seeds side by side; the sampler ends its process."

    class Deadly(BaseSampler):
        _sampling_type = "bypass"

        def fit_resample(self, X, y, **_):
            os._exit(9)

        def _fit_resample(self, X, y, **_):
            os._exit(9)

    case = Case(Strategy("deadly", sampler=Deadly()))
    with pytest.raises(OSError, match="ended from outside.* is kept"):
        reproduce(tmp_path / "run", seeds=2, scale=0.03, validation_rows=30, n_jobs=2, cases=[case])


def test_a_killed_process_of_hazardous_days_is_one_line(make_panel):
    "Two fits side by side, each of which ends its process; nothing is kept, and nothing else is said."

    class Deadly:
        def score(self, *_, **__):
            os._exit(9)

    sites = {f"s{number}": [f"2020-01-{day:02}" for day in range(1, 9)] for number in range(12)}
    air = make_panel(sites, aod055=[0.1] * 96, pm25=[80.0, *[20.0] * 7] * 12)
    with pytest.raises(OSError, match=r"ended from outside.* memory\. Run again with fewer processes\."):
        held_out_scores(air, 60.0, {"a": Deadly(), "b": Deadly()}, n_folds=2, n_jobs=2)


def test_a_text_that_lasts_tells_functions_and_objects_apart_by_what_they_do():
    "The same code is the same text, another number or another captured value another; an address is none."

    class Rule:
        def __init__(self, times):
            self.times = times

    def made(times):
        return lambda y: {"a": times}

    assert lasting_text(made(1)) == lasting_text(made(1)) != lasting_text(made(2))
    assert lasting_text(Rule(1)) == lasting_text(Rule(1)) != lasting_text(Rule(2))
    assert lasting_text([made(1), {"rule": Rule(1)}]) == lasting_text([made(1), {"rule": Rule(1)}])
    assert lasts(lasting_text(made(1)))
    assert not lasts(lasting_text(object()))
