"""The public names of the package, and how little it takes to import it."""

import subprocess
import sys

import pytest

import imbalance as im

HEAVY = ["geopandas", "optuna", "ee", "matplotlib", "lightgbm", "catboost", "shapely", "sklearn"]


def loaded_by(statement):
    """Heavy libraries that a new process has loaded after a statement."""
    code = f"import sys; {statement}; print(*[name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()


def test_importing_the_package_loads_no_heavy_library():
    "Not even scikit-learn."
    assert loaded_by("import imbalance") == []


@pytest.mark.slow
def test_a_classifier_loads_scikit_learn_but_no_booster_and_no_map():
    "The rest stays out until it is asked for."
    assert loaded_by("import imbalance; imbalance.PriorCorrectedClassifier") == ["sklearn"]


def test_names_are_listed_and_found():
    "As completion in a notebook needs it."
    assert {"PriorCorrectedClassifier", "PriorTracker", "correct_prior", "scorer"} <= set(dir(im))
    assert im.PriorTracker.__module__ == "imbalance.label_shift"


def test_an_unknown_name_is_an_attribute_error():
    "As of any module."
    with pytest.raises(AttributeError, match="has no attribute 'SMOTE'"):
        im.SMOTE  # noqa: B018
