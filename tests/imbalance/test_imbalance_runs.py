"""A process that is ended from outside is one line, whatever was running."""

import os

import pytest
from imblearn.base import BaseSampler

from imbalance.hazard_fits import held_out_scores
from imbalance.reproduction import Case, reproduce
from imbalance.strategies import Strategy


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
        reproduce(tmp_path / "run", seeds=2, scale=0.01, validation_rows=30, n_jobs=2, cases=[case])


def test_a_killed_process_of_hazardous_days_is_one_line(make_panel):
    "Two fits side by side, each of which ends its process; nothing is kept, and nothing else is said."

    class Deadly:
        def score(self, *_, **__):
            os._exit(9)

    sites = {f"s{number}": [f"2020-01-{day:02}" for day in range(1, 9)] for number in range(12)}
    air = make_panel(sites, aod055=[0.1] * 96, pm25=[80.0, *[20.0] * 7] * 12)
    with pytest.raises(OSError, match=r"ended from outside.* memory\. Run again with fewer processes\."):
        held_out_scores(air, 60.0, {"a": Deadly(), "b": Deadly()}, n_folds=2, n_jobs=2)
