"""Corrections of a prior that a reader can do by hand."""

from functools import partial

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from typer.testing import CliRunner

from imbalance.cli import app
from imbalance.probability import check_prior, correct_prior, estimate_prior, kl_divergence, resolve_prior


def test_correction_to_the_training_prior_changes_nothing():
    "Elkan's factor is then one for every class."
    posteriors = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    npt.assert_allclose(
        correct_prior(posteriors, trained=[0.5, 0.3, 0.2], target=[0.5, 0.3, 0.2]), posteriors
    )


def test_a_correction_by_hand():
    "Odds 1:1 trained at 1:1, for a population of 9:1, become 9:1; odds 1:9 become 1:1."
    corrected = correct_prior([[0.5, 0.5], [0.1, 0.9]], trained=[0.5, 0.5], target=[0.9, 0.1])
    npt.assert_allclose(corrected, [[0.9, 0.1], [0.5, 0.5]])


def test_there_and_back_again():
    "Correcting to another prior and back gives the first probabilities."
    posteriors = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    there = correct_prior(posteriors, trained=[0.9, 0.07, 0.03], target=[0.2, 0.3, 0.5])
    npt.assert_allclose(correct_prior(there, trained=[0.2, 0.3, 0.5], target=[0.9, 0.07, 0.03]), posteriors)


def test_binary_ranks_do_not_change():
    "The order of the rows by one class's probability stays."
    share = np.random.default_rng(1).uniform(size=50)
    corrected = correct_prior(np.column_stack([1 - share, share]), trained=[0.95, 0.05], target=[0.5, 0.5])
    npt.assert_array_equal(np.argsort(corrected[:, 1]), np.argsort(share))


@pytest.mark.parametrize("target", [[0.5, 0.6], [1.2, -0.2], [0.5, np.nan]])
def test_what_is_not_a_prior_is_refused(target):
    "Shares sum to one and none is negative or missing."
    with pytest.raises(ValueError, match="target prior"):
        correct_prior([[0.5, 0.5]], trained=[0.5, 0.5], target=target)


def test_a_class_that_training_never_saw_is_refused():
    "Its posterior is zero whatever the factor."
    with pytest.raises(ValueError, match="never saw"):
        correct_prior([[1.0, 0.0]], trained=[1.0, 0.0], target=[0.5, 0.5])


@pytest.mark.parametrize("prior", [[0.333, 0.666], [33.3, 66.6], [1 / 3, 2 / 3]])
def test_rounded_shares_and_percent_are_normalised(prior):
    "Within 1 % of one or of a hundred."
    npt.assert_allclose(check_prior(prior), [1 / 3, 2 / 3])


def test_an_infinite_share_is_refused():
    "It would leave nothing for the others."
    with pytest.raises(ValueError, match="must be a list of shares"):
        check_prior([np.inf, 1])


def test_a_row_that_is_sure_of_a_class_without_share_is_defined():
    "Sure of a class that the population lacks: what is left, by the shares over those of training."
    npt.assert_array_equal(correct_prior([[1, 0]], trained=[0.5, 0.5], target=[0, 1]), [[0, 1]])
    found = correct_prior([[1, 0, 0]], trained=[0.5, 0.25, 0.25], target=[0, 0.75, 0.25])
    npt.assert_allclose(found, [[0, 0.75, 0.25]])


def test_divergence_by_hand():
    "A fair coin judged by a 3:1 prior: 0.5 ln(0.5 / 0.75) + 0.5 ln(0.5 / 0.25)."
    expected = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    npt.assert_allclose(kl_divergence([0.5, 0.5], [0.75, 0.25]), expected)


def test_the_command_refuses_shares_that_do_not_sum_to_one():
    "One line, exit code 1."
    result = CliRunner().invoke(app, ["mismatch", "--target", ".5,.6", "--trained", ".5,.5"])
    assert result.exit_code == 1
    assert "sums to 1.1" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"), [("no=70,yes=30", "no 70 %, yes 30 %"), ("no=950,yes=50", "no 95 %, yes 5 %")]
)
def test_percent_and_counts_of_rows_are_said_as_they_are_read(text, said):
    "70 and 30 are percent, 950 and 50 are rows; shares need no word."
    result = CliRunner().invoke(app, ["mismatch", "--target", text, "--trained", "no=.5,yes=.5"])
    assert (result.exit_code, result.stderr.strip()) == (0, f"note: --target is read as {said}.")


@pytest.mark.parametrize("text", ["7,3", "60,30", "70.5,35", ".6,.3"])
def test_what_is_neither_shares_nor_percent_nor_counts_is_refused(text):
    "Seven and three may be anything; more than a hundred rows would be whole numbers."
    result = CliRunner().invoke(app, ["mismatch", "--target", text, "--trained", ".5,.5"])
    assert result.exit_code == 1
    assert "--target sums to" in result.stderr and "counts of rows are whole" in result.stderr


def test_shares_with_names_are_not_read_by_position():
    "value_counts puts the common class first, the columns are sorted; 0, 1 in order is a position."
    named = pd.Series(["rare", "usual", "usual", "usual"]).value_counts(normalize=True)
    for shares in (named, {"usual": 0.75, "rare": 0.25}, pd.Series({1: 0.75, 0: 0.25})):
        with pytest.raises(ValueError, match="target prior names classes"):
            correct_prior([[0.5, 0.5]], trained=[0.5, 0.5], target=shares)
    npt.assert_array_equal(check_prior(pd.Series([0.25, 0.75])), [0.25, 0.75])


def test_a_series_that_names_a_class_twice_is_refused():
    "Which share would count cannot be known."
    with pytest.raises(ValueError, match="names 'b' twice"):
        resolve_prior(pd.Series([0.5, 0.2, 0.3], index=["a", "b", "b"]), ["a", "b"], None)


@pytest.mark.parametrize("row", [[0.7, 0.7], [1.5, -0.5], [np.nan, 1.0], [0.2, 0.3, 0.5]])
def test_what_is_no_probability_is_refused(row):
    "A row sums to one, has nothing negative or missing, and a column for every class."
    for function in (partial(correct_prior, target=[0.9, 0.1]), estimate_prior):
        with pytest.raises(ValueError, match="Row 0 of the probabilities|do not fit 2 classes"):
            function([row] * 20, trained=[0.5, 0.5])


def test_words_are_no_shares():
    "The error repeats what was given."
    with pytest.raises(ValueError, match="must be a list of shares.*'half'"):
        resolve_prior({"a": "half", "b": 0.5}, ["a", "b"], None)


def test_priors_of_other_classes_are_not_compared():
    "Two shares and three."
    with pytest.raises(ValueError, match="2 and 3 shares"):
        kl_divergence([0.5, 0.5], [0.2, 0.3, 0.5])
