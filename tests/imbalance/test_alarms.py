"""Thresholds and rates that a reader can count."""

import numpy as np
import numpy.testing as npt
import pytest

from imbalance.decisions import alarm_rates, count_alarms, group_draws, interval, threshold_at

TEN = np.arange(1.0, 11.0)
QUIET = np.zeros(10, dtype=bool)


def test_one_false_alarm_in_ten():
    "Of the scores 1 to 10 of days that are not events, a tenth may lie above: the 10."
    assert threshold_at(TEN, QUIET, 0.1) == 9


def test_events_do_not_move_the_threshold():
    "Only the other days count as false alarms."
    scores, event = np.append(TEN, [50, 60]), np.append(QUIET, [True, True])
    assert threshold_at(scores, event, 0.1) == 9


def test_ties_raise_no_alarm():
    "Two days share the highest score, one may raise an alarm: then neither does."
    threshold = threshold_at([5, 5, 1, 1], [False] * 4, 0.25)
    assert np.sum(np.array([5, 5, 1, 1]) > threshold) == 0


def test_a_rate_that_does_not_divide_the_rows_rounds_down():
    "15 % of ten days is one day, not two."
    assert np.sum(threshold_at(TEN, QUIET, 0.15) < TEN) == 1


def test_a_rate_that_floats_cannot_hold_is_kept_whole():
    "0.29 of 100 days is 29 days, although 0.29 * 100 is 28.999999999999996."
    scores = np.arange(100.0)
    assert np.sum(scores > threshold_at(scores, np.zeros(100, dtype=bool), 0.29)) == 29


def test_events_only_are_refused():
    "Without another day there is no rate of false alarms."
    with pytest.raises(ValueError, match="Every row is an event"):
        threshold_at([1.0], [True], 0.1)


def test_rates_by_hand():
    "Group 0: one of two events caught; group 1: one false alarm in two other days."
    counts = count_alarms([1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1])
    npt.assert_array_equal(counts, [[1, 2, 0, 0], [0, 0, 1, 2]])
    rates = alarm_rates(counts.sum(axis=0))
    assert (rates["recall"], rates["false_alarm_rate"], rates["precision"]) == (0.5, 0.5, 0.5)


def test_no_event_has_no_recall():
    "A missing figure is missing, not zero."
    assert np.isnan(alarm_rates([0, 0, 1, 9])["recall"])


def test_bootstrap_keeps_the_number_of_groups():
    "Every draw holds as many groups as there are, some twice."
    draws = group_draws(7, n_draws=50)
    npt.assert_array_equal(draws.sum(axis=1), 7)
    assert draws.max() > 1


def test_groups_that_are_all_alike_have_no_interval_to_speak_of():
    "Each group catches one of two events, so every draw has a recall of a half."
    counts = np.tile([1, 2, 0, 5], (6, 1))
    assert interval(alarm_rates(group_draws(6) @ counts)["recall"]) == (0.5, 0.5)
