"""Baselines of the day's monitors: three sites on a meridian, by hand."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.interpolation import DayMean, InverseDistance, NearestMonitor

ALL = [NearestMonitor, InverseDistance, DayMean]


def table(*rows):
    "Rows of site, latitude, day and PM2.5, on the meridian of 32 degrees."
    panel = pd.DataFrame(rows, columns=["site_id", "latitude", "date", "pm25"])
    return panel.assign(longitude=32.0, date=pd.to_datetime(panel["date"]))


@pytest.fixture
def known():
    "a, b and c at latitude 0, 1 and 3; b has no value on the second day, and nobody reads in July but c."
    return table(
        *(("a", 0.0, "2020-01-01", 10.0), ("b", 1.0, "2020-01-01", 20.0), ("c", 3.0, "2020-01-01", 60.0)),
        *(("a", 0.0, "2020-01-02", 14.0), ("b", 1.0, "2020-01-02", None), ("c", 3.0, "2020-01-02", 46.0)),
        ("c", 3.0, "2020-07-01", 90.0),
    )


def asked(*rows):
    return table(*(("new", latitude, day, None) for latitude, day in rows)).drop(columns="pm25")


def test_the_nearest_monitor_that_has_a_value_counts(known):
    "At 0.9 degrees b is nearest; on the second day, when it has no value, a is; at 2.2 degrees c is."
    predicted = (
        NearestMonitor()
        .fit(known)
        .predict(asked((0.9, "2020-01-01"), (0.9, "2020-01-02"), (2.2, "2020-01-01")))
    )
    assert predicted.tolist() == [20, 14, 60]


def test_twice_as_far_weighs_a_quarter(known):
    "At 2 degrees b and c are 1 away and a is 2: (20 + 60 + 10 / 4) / 2.25; a degree's length hardly varies."
    predicted = InverseDistance().fit(known).predict(asked((2.0, "2020-01-01")))
    npt.assert_allclose(predicted, 82.5 / 2.25, rtol=1e-4)


def test_a_monitor_without_a_value_has_no_weight(known):
    "At 1 degree on the second day: a is 1 away and c 2, so (14 + 46 / 4) / 1.25."
    predicted = InverseDistance().fit(known).predict(asked((1.0, "2020-01-02")))
    npt.assert_allclose(predicted, 25.5 / 1.25, rtol=1e-4)


def test_below_a_kilometre_no_monitor_is_nearer_than_another():
    "0.1 km north of one and 0.8 km south of another: the plain mean; without the floor the first would win."
    known = table(("a", 0.0, "2020-01-01", 10.0), ("b", 0.9 / 110.574, "2020-01-01", 30.0))
    predicted = InverseDistance().fit(known).predict(asked((0.1 / 110.574, "2020-01-01")))
    npt.assert_allclose(predicted, 20)


def test_only_the_twelve_nearest_of_the_day_count():
    "Twelve monitors read 10, the thirteenth, farther north, 1,000; without one of the twelve it is used."
    rows = [(f"{number:02}", number / 10, "2020-01-01", 10.0) for number in range(12)]
    far = ("far", 20.0, "2020-01-01", 1000.0)
    place = asked((-0.5, "2020-01-01"))
    npt.assert_allclose(InverseDistance().fit(table(*rows, far)).predict(place), 10)
    assert InverseDistance().fit(table(*rows[1:], far)).predict(place)[0] > 10.1


@pytest.mark.parametrize("interpolation", [NearestMonitor, InverseDistance])
def test_at_a_monitor_it_is_what_that_reads(known, interpolation):
    "At 1 degree on the first day: 20, as b reads, whatever is around."
    assert interpolation().fit(known).predict(asked((1.0, "2020-01-01"))).tolist() == [20]


def test_the_day_has_one_mean_everywhere(known):
    "(10 + 20 + 60) / 3 on the first day, (14 + 46) / 2 on the second, at whatever place."
    predicted = (
        DayMean().fit(known).predict(asked((0.0, "2020-01-01"), (80.0, "2020-01-01"), (2.0, "2020-01-02")))
    )
    assert predicted.tolist() == [30, 30, 30]


@pytest.mark.parametrize("interpolation", ALL)
def test_a_day_without_monitors_is_like_its_month_and_then_like_all(known, interpolation):
    "January is (10 + 20 + 60 + 14 + 46) / 5 = 30 and July 90; no March, so (150 + 90) / 6 = 40."
    predicted = (
        interpolation()
        .fit(known)
        .predict(asked((0.0, "2021-01-09"), (0.0, "2020-07-09"), (0.0, "2020-03-01")))
    )
    assert predicted.tolist() == [30, 90, 40]


@pytest.mark.parametrize("interpolation", ALL)
def test_the_order_of_the_rows_does_not_matter(known, interpolation):
    "Training and asked rows backwards give the same values backwards."
    place = asked((0.4, "2020-01-01"), (2.9, "2020-01-02"), (0.4, "2020-07-01"), (0.4, "2020-02-01"))
    forwards = interpolation().fit(known).predict(place)
    backwards = interpolation().fit(known[::-1]).predict(place[::-1])
    npt.assert_allclose(backwards, forwards[::-1], rtol=1e-12)


@pytest.mark.parametrize("interpolation", ALL)
def test_a_target_of_the_asked_rows_is_not_looked_at(known, interpolation):
    "With PM2.5 of 999 in them the same values come out."
    place = asked((0.4, "2020-01-01"), (2.9, "2020-01-02"))
    fitted = interpolation().fit(known)
    npt.assert_array_equal(fitted.predict(place.assign(pm25=999.0)), fitted.predict(place))


def test_distances_cross_the_date_line():
    "At 179.9 degrees east, a monitor at 179.8 degrees west is nearer than one at 179 degrees east."
    known = table(("west", 0.0, "2020-01-01", 10.0), ("east", 0.0, "2020-01-01", 50.0))
    known["longitude"] = [-179.8, 179.0]
    place = asked((0.0, "2020-01-01")).assign(longitude=179.9)
    assert NearestMonitor().fit(known).predict(place).tolist() == [10]
    assert np.isfinite(InverseDistance().fit(known).predict(place)).all()
