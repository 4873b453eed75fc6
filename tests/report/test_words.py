"""Sentences and tables about figures."""

import math

import pandas as pd
import pytest

from airq.models.predictions import Figures
from airq.report import words

UNIT = {"scheme": "city", "unit": "µg m⁻³"}
COVERED = {
    "scheme": "city",
    "period": "day",
    "part": "all",
    "value": "",
    "coverage": 0.912,
    "level": 0.9,
    "width": 31.4,
    "winkler": 40.0,
    "ci_low": 0.88,
    "ci_high": 0.94,
    "n": 4000,
    "groups": 40,
}
COMPARED = UNIT | {"best_baseline": "cams", "difference": -0.79, "resampled": "cities"}
OUTSIDE = UNIT | {"outside_share": 0.06, "rmse_outside": 41.6, "rmse_inside": 10.7}
EXCEEDED = {"scheme": "city", "threshold": 15.0, "mean_probability": 0.62, "frequency": 0.655}
PREDICTED = {"site_id": list("aab"), "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"])}


def test_an_error_has_its_scheme_unit_bias_and_classes():
    "Mean error 7.19, 0.62 too low, 76 % in the right class, 99 % within one."
    record = UNIT | {"mae": 7.19, "bias": -0.62, "aqi_right": 0.76, "aqi_within_one": 0.99}
    assert words.error_sentence(record) == (
        "In cities that it had never seen, a day's prediction was off by 7.2 µg m⁻³ on average. Over all "
        "days it was 0.6 µg m⁻³ too low. The AQI class was right on 76 % of days, and within one on 99 %."
    )


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (-2.04, 0.39, "is -2.04 to +0.39. This is no clear difference."),
        (-1.5, -0.1, "is -1.50 to -0.10."),
        (None, None, "There are too few cities to tell whether the difference is clear."),
    ],
)
def test_a_difference_to_a_baseline_is_clear_or_not(low, high, end):
    "An interval that holds zero is no clear difference; without an interval nobody knows."
    sentence = words.comparison_sentence(COMPARED | {"ci_low": low, "ci_high": high})
    assert sentence.startswith("RMSE is 0.79 µg m⁻³ lower than that of the best baseline, cams.")
    assert sentence.endswith(end)


def test_coverage_has_its_interval_width_and_worst_city():
    "91.2 % of 4,000 days, 88 to 94 %, 31.4 wide; of the worst city's 99 days half were inside."
    worst = COVERED | {"part": "worst_city", "value": "Ogoja, NGA", "coverage": 0.5, "n": 99}
    assert words.coverage_sentences([COVERED, worst]) == [
        "city: In cities that it had never seen, 91 % of 4,000 days lay inside their 90 % interval. The 95 % "
        "interval over 40 cities is 88-94 %. The mean width is 31 µg m⁻³. The worst city is Ogoja, NGA: 50 % "
        "of 99."
    ]


def test_the_worst_city_of_another_model_is_not_taken():
    "Two models with intervals: each line has its own name, and only the first has a worst city."
    worst = COVERED | {"model": "ridge", "part": "worst_city", "value": "Ogoja, NGA"}
    first, second = words.coverage_sentences([COVERED | {"model": "ridge"}, worst, COVERED])
    assert first.startswith("city, ridge: ") and "Ogoja" in first
    assert second.startswith("city: ") and "Ogoja" not in second


def test_tables_of_several_models_have_a_column_for_them():
    "One default model needs none; ridge beside it does, and is named default where the key is missing."
    assert "model" not in words.coverage_table([COVERED])[0]
    headings, rows = words.coverage_table([COVERED, COVERED | {"model": "ridge"}])
    assert [row[headings.index("model")] for row in rows] == ["default", "ridge"]


def test_months_are_listed_without_their_parts():
    "Days by season, months as a whole."
    season = COVERED | {"part": "season", "value": "DJF"}
    months = [one | {"period": "month"} for one in (COVERED, season)]
    _, rows = words.coverage_table([COVERED, season, *months])
    assert [row[1:3] for row in rows] == [
        ["day", "all held-out rows"],
        ["day", "season"],
        ["month", "all held-out rows"],
    ]


@pytest.mark.parametrize(
    ("ratios", "end"),
    [
        ((3.89, 2.19), "Relative to each city's own error, it is 2.19 times as large."),
        ((1.2, 0.9), "Here, rows outside the area of applicability do not have larger errors."),
        ((1.2, None), "RMSE is 41.6 µg m⁻³ there and 10.7 inside (1.20 times as large)."),
    ],
)
def test_errors_outside_the_area_of_applicability(ratios, end):
    "Where errors are not larger on either measure the sentence says so."
    record = OUTSIDE | dict(zip(("outside_ratio", "outside_ratio_within"), ratios, strict=True))
    assert words.applicability_sentence(record).endswith(end)


@pytest.mark.parametrize("rmse", [None, math.nan])
def test_too_few_rows_outside_have_no_error(rmse):
    "A share, but no RMSE."
    sentence = words.applicability_sentence(OUTSIDE | {"rmse_outside": rmse})
    assert sentence == (
        "6 % of held-out rows lie outside the area of applicability. These are too few to give an error."
    )


def test_a_probability_stands_beside_what_happened():
    "Of the two thresholds the WHO guideline is named."
    sentences = words.exceedance_sentences([EXCEEDED | {"threshold": 9.0}, EXCEEDED])
    assert sentences == [
        "city: In cities that it had never seen, 66 % of days were above 15 µg m⁻³. The mean predicted "
        "probability was 62 %."
    ]


def test_missing_figures_give_no_sentence():
    "A record of a scheme and nothing else."
    bare = {"scheme": "city", "model": "default"}
    sentences = (
        words.error_sentence,
        words.comparison_sentence,
        words.worst_city_sentence,
        words.applicability_sentence,
    )
    assert [sentence(bare) for sentence in sentences] == [""] * 4


def test_an_unknown_scheme_is_named():
    "Of another version, perhaps."
    assert words.exceedance_sentence(EXCEEDED | {"scheme": "moon"}).startswith(
        "In what the scheme moon holds out, 66 %"
    )


def test_a_bundle_without_an_evaluation_says_what_to_do():
    "Only random rows were held out: that is no evidence for a place."
    assert "--scheme" in words.validation_sentence([{"scheme": "random", "model": "default"}])


def sentences(rows):
    "The summary of a table of predictions."
    figures = Figures()
    figures.add(rows)
    return words.prediction_sentences(figures)


def test_new_places_are_summed_up_apart_from_training_places():
    "Two rows at a new place (10 and 20), one at a training place (30)."
    rows = pd.DataFrame(PREDICTED | {"pm25": [10.0, 20, 30], "place": ["new", "new", "training"]})
    assert sentences(rows) == [
        "2 rows at 1 new place, 2020-01-01 to 2020-01-02: mean PM2.5 15.0, highest 20.0 µg m⁻³.",
        "1 row at 1 training place, 2020-01-01 to 2020-01-01: mean PM2.5 30.0, highest 30.0 µg m⁻³.",
    ]


def test_a_kind_of_places_without_rows_is_left_out():
    "All rows are at new places."
    rows = pd.DataFrame(PREDICTED | {"pm25": 10.0, "place": "new"})
    (sentence,) = sentences(rows)
    assert sentence.startswith("3 rows at 2 new places")


def test_means_are_not_called_rows():
    "Months are monthly means."
    rows = pd.DataFrame(PREDICTED | {"pm25": 10.0, "place": "new", "period": "month"})
    assert sentences(rows)[0].startswith("3 monthly means at 2 new places")


def test_where_places_are_not_known_there_is_one_sentence():
    "Predictions of a foreign model."
    rows = pd.DataFrame(PREDICTED | {"pm25": 10.0})
    (sentence,) = sentences(rows)
    assert sentence.startswith("3 rows at 2 places, 2020-01-01 to 2020-01-02:")


def test_a_caption_explains_the_columns_that_are_there():
    "A terminal that has room for little, with RMSE and bias alone."
    said = words.evaluation_caption([UNIT], headings=["model", "RMSE", "bias"])
    assert said == "Errors in µg m⁻³. bias: predicted minus observed"


@pytest.mark.parametrize("headings", [None, [short for _, short, _ in words.COLUMNS.values()]])
def test_no_caption_has_more_than_forty_words(headings):
    "Of the tables of errors, coverage, probabilities and distances."
    captions = [
        words.evaluation_caption([UNIT | {"aqi_table": "aqi-us-2024"}], headings=headings),
        words.COVERAGE_CAPTION,
        words.EXCEEDANCE_CAPTION,
        words.PROXIMITY_CAPTION,
        words.SKILL_CAPTION,
        words.DISTANCE_CAPTION,
    ]
    assert max(len(caption.split()) for caption in captions) <= 40


def test_a_narrow_terminal_has_fewer_columns():
    "At 90 characters neither rows nor classes; every row has a cell for each heading."
    wide, narrow = (words.narrow_table([UNIT | {"rmse": 5.0}], width) for width in (120, 90))
    assert {"rows", "class", "±1", "10 d"} == set(wide[0]) - set(narrow[0])
    assert all(len(rows[0]) == len(headings) for headings, rows in (wide, narrow))


def test_a_long_name_takes_its_room_from_the_columns():
    "Five letters more than the longest usual name leave a terminal of 99 the columns that 94 has."
    record = UNIT | {"rmse": 5.0}
    headings = [words.narrow_table([record | {"model": "x" * n}], 99)[0] for n in (17, 22)]
    assert headings == [words.narrow_table([record], width)[0] for width in (99, 94)]
    assert headings[0] != headings[1]


REPEATED = UNIT | {
    "groups": 40,
    **{"repeats": 3, "ranked_first": 2, "rmse": 18.21, "rmse_low": 17.9, "rmse_high": 18.6},
    **{"mae": 9.0, "mae_low": 8.5, "mae_high": 9.5},
}


def test_repeats_show_their_spread():
    "In a file of both errors, in a terminal of the RMSE."
    headings, (row,) = words.evaluation_table([REPEATED])
    cells = dict(zip(headings, row, strict=True))
    assert (cells["RMSE"], cells["MAE"]) == ("18.2 (17.9 to 18.6)", "9.0 (8.5 to 9.5)")
    headings, (row,) = words.narrow_table([REPEATED], 120)
    cells = dict(zip(headings, row, strict=True))
    assert (cells["RMSE"], cells["MAE"]) == ("18.2 (17.9 to 18.6)", "9.00")


def test_one_repeat_shows_no_spread():
    "A figure, and no sentence."
    once = REPEATED | {"repeats": 1}
    headings, (row,) = words.evaluation_table([once])
    assert row[headings.index("RMSE")] == "18.21" and words.repeats_sentence(once) == ""


def test_repeats_say_how_often_a_model_was_the_best():
    "Two of three."
    assert words.repeats_sentence(REPEATED) == (
        "Mean of 3 repeats with other seeds: RMSE 17.9 to 18.6 µg m⁻³. It had the lowest RMSE in 2 of 3."
    )


def test_time_is_a_column_where_it_is_known():
    "A bundle keeps none."
    record = UNIT | {"groups": 40}
    assert "seconds" not in words.evaluation_table([record])[0]
    headings, (row,) = words.evaluation_table([record | {"seconds": 12.34}])
    assert row[headings.index("seconds")] == "12.3"
    assert "s" in words.narrow_table([UNIT | {"seconds": 12.34}], 120)[0]


def test_the_highest_observations_have_their_share_of_the_error():
    "Nothing is said where a record is older than these figures."
    record = UNIT | {"median_error": 4.0, "top1_share": 0.4, "rmse_without_top1": 9.1}
    assert words.robust_sentence(record) == (
        "Half of the predictions were off by 4.0 µg m⁻³ or less. The highest 1 % of the observations make "
        "40 % of the squared error; without them RMSE is 9.1."
    )
    assert words.robust_sentence(UNIT) == ""


def test_skill_stands_in_a_column_per_scheme():
    "Two schemes; a country is not listed, and a skill that is missing is left out."
    part = {"model": "default", "part": "season", "value": "DJF", "n": 1200, "rmse": 8.0, "skill": 0.25}
    records = [part | {"scheme": "city"}, part | {"scheme": "site", "skill": math.nan}]
    records.append(part | {"scheme": "city", "part": "country", "value": "UGA"})
    headings, rows = words.skill_table(records)
    assert headings == ["part", "", "rows", "city", "site"]
    assert rows == [["season", "DJF", "1,200", "8.0 (+0.25)", "8.0"]]


def test_the_best_baseline_stands_beside_the_errors_by_distance():
    "9 at 10 to 25 km, 12 of CAMS there; no interval, no coverage."
    shared = {"scheme": "city", "low_km": 10.0, "high_km": 25.0, "places": 3, "n": 60, "bias": -1.0}
    shared |= {"coverage": math.nan, "width": math.nan}
    records = [shared | {"model": "default", "rmse": 9.0}, shared | {"model": "cams", "rmse": 12.0}]
    evaluated = [{"scheme": "city", "model": "default", "best_baseline": "cams"}]
    headings, rows = words.distance_table(records, evaluated)
    assert rows == [["city", "10-25", "3", "60", "9.0", "-1.0", "", "", "12.0"]]
    assert len(headings) == 9


@pytest.mark.parametrize(
    ("scored", "beyond", "end"),
    [
        (4, 0, "weighted by the distances of 4 cities."),
        (3, 1, "3 cities. 1 city lies farther than all places that were scored."),
        (
            1,
            2,
            "2 cities lie farther than all places that were scored. "
            "At the distance of 1 city no place was scored.",
        ),
    ],
)
def test_the_error_to_expect_says_for_which_cities(scored, beyond, end):
    "Of four cities."
    record = UNIT | {"rmse": 12.3, "cities": 4, "cities_scored": scored, "cities_beyond": beyond}
    sentence = words.expected_sentence(record)
    assert sentence.startswith("Expect a daily RMSE of 12.3 µg m⁻³") and sentence.endswith(end)


def test_where_no_city_is_at_a_scored_distance_no_error_is_expected():
    "All four lie beyond."
    record = UNIT | {"rmse": math.nan, "cities": 4, "cities_scored": 0, "cities_beyond": 4}
    assert words.expected_sentence(record) == (
        "No error was scored at the distances of the 4 cities. 4 cities lie farther than all places that "
        "were scored."
    )
