"""Inputs of one panel meet targets of another by site and day."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from airq.cli import app
from airq.io import read_panel, write_panel
from airq.panel import PanelMetadata, feature_columns, label_panel, panel_metadata
from airq.workflows.join import join

DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]


@pytest.fixture
def panels(make_panel):
    """Function that makes both panels; sites of `make_panel` lie 0.5 degrees (55 km) apart."""

    def make(features, targets, *, basis="utc", shift=0.0):
        inputs = make_panel(features, aod055=[0.1] * sum(map(len, features.values())))
        labels = make_panel(
            targets,
            pm25=[10.0 * (row + 1) for row in range(sum(map(len, targets.values())))],
            metadata=PanelMetadata(day_basis=basis, pm25_origin="index", statistic="median", sources=["W"]),
        )
        labels = labels.assign(latitude=labels["latitude"] + shift)
        return inputs, label_panel(labels, panel_metadata(labels))

    return make


def test_sites_of_one_name_meet_by_day(panels):
    "Of three days of inputs one has a target; a target of a fourth day is left out."
    panel, report = join(*panels({"a": DAYS}, {"a": ["2020-01-02", "2020-01-09"]}))
    np.testing.assert_array_equal(panel["pm25"], np.array([np.nan, 10, np.nan], dtype="float32"))
    assert (report.matched, report.features_without_target, report.targets_without_features) == (1, 2, 1)
    assert (report.sites_by_id, report.sites_by_distance) == (1, 0)


def test_sites_of_other_names_meet_by_place(panels):
    "0.02 degrees of latitude are 2.2 km, within 5."
    panel, report = join(*panels({"a": DAYS}, {"x": DAYS[:1]}, shift=0.02))
    assert (report.sites_by_id, report.sites_by_distance, report.matched) == (0, 1, 1)
    assert report.max_km == pytest.approx(2.2, abs=0.05)
    assert panel["site_id"].unique().tolist() == ["a"]


def test_sites_too_far_apart_do_not_meet(panels):
    "0.06 degrees are 6.6 km, beyond 5 and within 10."
    both = panels({"a": DAYS}, {"x": DAYS}, shift=0.06)
    with pytest.raises(ValueError, match="within 5 km"):
        join(*both)
    assert join(*both, max_km=10)[1].matched == 3


def test_the_panel_keeps_both_origins(panels):
    "Origin and statistic of PM2.5 from the targets, inputs' units and both sources."
    panel, _ = join(*panels({"a": DAYS}, {"a": DAYS}))
    metadata = panel_metadata(panel)
    assert (metadata.pm25_origin, metadata.statistic) == ("index", "median")
    assert metadata.units["aod055"] == "1"
    assert metadata.sources == ("W",)


def test_unequal_day_bases_are_refused(panels):
    "A local day and a UTC day are different days."
    with pytest.raises(ValueError, match="Days of the features are utc, those of the targets local"):
        join(*panels({"a": DAYS}, {"a": DAYS}, basis="local"))


def test_targets_alone_are_refused(panels):
    "One panel at least must be without PM2.5."
    _, targets = panels({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="panel 1: this panel already has PM2.5, and so has every other"):
        join(targets, targets)


def test_the_order_of_inputs_and_targets_does_not_matter(panels):
    "What a panel gives follows from whether it has PM2.5."
    features, targets = panels({"a": DAYS}, {"a": DAYS[:1]})
    pdt.assert_frame_equal(join(targets, features)[0], join(features, targets)[0])


def test_one_panel_or_an_unknown_way_is_refused(panels):
    "There is nothing to join; `several` has three values."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="two panels or more"):
        join(features)
    with pytest.raises(ValueError, match="max_km must be 0 or more, got -1"):
        join(features, targets, max_km=-1)
    with pytest.raises(ValueError, match="several is 'max'; it must be one of mean, nearest, each"):
        join(features, targets, several="max")


def test_one_name_for_two_places_is_refused(panels):
    "1 degree of latitude is 111 km."
    both = panels({"a": DAYS}, {"a": DAYS}, shift=1.0)
    with pytest.raises(ValueError, match="'a' lies 111 km apart"):
        join(*both)


def test_no_common_day_is_refused(panels):
    "The spans of both are in the message."
    both = panels({"a": DAYS}, {"a": ["2021-05-01"]})
    with pytest.raises(ValueError, match="2020-01-01 to 2020-01-03.*2021-05-01 to 2021-05-01"):
        join(*both)


def test_the_report_is_one_line(panels):
    "What matched, how, and what did not."
    _, report = join(*panels({"a": DAYS, "b": DAYS}, {"a": DAYS[:2]}))
    assert str(report) == "1 of 2 sites matched, 1 by site_id. PM2.5 is in 2 of 6 rows."
    _, report = join(*panels({"a": DAYS}, {"a": ["2020-01-01", "2020-02-01", "2020-02-02"]}))
    assert str(report) == (
        "1 of 1 sites matched, 1 by site_id. PM2.5 is in 1 of 3 rows. "
        "2 rows of the targets left out: no row of the features matches."
    )


def test_other_columns_of_the_targets_are_left_out_and_named(panels):
    "A sensor's own humidity is no input for a place without a sensor."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    panel, report = join(features, targets.assign(device_temp=20.0))
    assert "device_temp" not in panel.columns
    assert report.notes == ("columns of the targets left out: device_temp",)


def test_a_target_site_goes_to_the_nearer_of_two_sites(panels):
    "x lies at 0.2 degrees: 22 km from a at 0 and 33 km from b at 0.5. Only a gets its values."
    panel, report = join(*panels({"a": DAYS, "b": DAYS}, {"x": DAYS[:1]}, shift=0.2), max_km=40)
    assert panel.loc[panel["pm25"].notna(), "site_id"].tolist() == ["a"]
    assert (report.sites, report.sites_by_distance, report.matched) == (2, 1, 1)
    assert report.max_km == pytest.approx(22.1, abs=0.1)
    assert "1 site has no target, although" in report.notes[0]


def test_a_target_site_that_matched_by_name_goes_to_no_neighbour(panels):
    "b lies 55 km from a, whose namesake among the targets is taken; 60 km would reach it."
    panel, report = join(*panels({"a": DAYS, "b": DAYS}, {"a": DAYS}), max_km=60)
    assert panel.loc[panel["site_id"] == "b", "pm25"].isna().all()
    assert (report.sites_by_id, report.sites_by_distance, report.matched) == (1, 0, 3)
    assert "1 site has no target, although" in report.notes[0]


def test_the_nearest_pair_goes_first_and_the_loser_takes_what_is_left(panels):
    """a and b lie at 0 and 0.5 degrees, x and y at 0.3 and 0.8.

    x is nearest to both, but nearer to b (22 km) than to a (33 km). a has to take y, 88 km away.
    """
    both = panels({"a": DAYS[:1], "b": DAYS[:1]}, {"x": DAYS[:1], "y": DAYS[:1]}, shift=0.3)
    panel, report = join(*both, several="nearest", max_km=100)
    assert panel.set_index("site_id")["pm25"].to_dict() == {"a": 20, "b": 10}
    assert report.max_km == pytest.approx(88.5, abs=0.2)
    assert report.notes == ()


def test_a_site_beyond_the_distance_is_not_counted_as_crowded_out(panels):
    "b lies 55 km from the only target, beyond 5."
    assert join(*panels({"a": DAYS, "b": DAYS}, {"x": DAYS}))[1].notes == ()


def test_files_are_named_in_messages(panels, tmp_path):
    "Paths give the same panel as the tables in them, and messages call them by name."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    paths = tmp_path / "f.parquet", tmp_path / "t.parquet"
    write_panel(features, paths[0])
    write_panel(targets, paths[1])
    pdt.assert_frame_equal(join(*paths)[0], join(features, targets)[0])
    with pytest.raises(ValueError, match="t.parquet: this panel already has PM2.5"):
        join(paths[1], paths[1])


def test_panels_stay_as_they_were(panels):
    "The result is another table."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    before = features.copy(), targets.copy()
    join(features, targets)
    pdt.assert_frame_equal(features, before[0])
    pdt.assert_frame_equal(targets, before[1])


# -- several monitors at a place


@pytest.fixture
def kampala(make_panel):
    """Inputs of a city, and its three monitors 0.3, 1.6 and 2.3 km away; the third has two of three days."""
    features = make_panel({"Kampala": DAYS}, aod055=[1.0, 2.0, 3.0]).assign(
        latitude=0.3163, longitude=32.5822
    )
    targets = make_panel({"m1": DAYS, "m2": DAYS, "m3": DAYS[:2]}, pm25=[20, 20, 20, 40, 40, 40, 60, 60])
    place = {"m1": (0.318, 32.585), "m2": (0.3300, 32.5700), "m3": (0.3000, 32.5950)}
    for number, name in enumerate(("latitude", "longitude")):
        targets[name] = targets["site_id"].map({site: own[number] for site, own in place.items()})
    return features, targets


def test_a_city_has_the_mean_of_its_monitors(kampala):
    "(20 + 40 + 60) / 3 = 40 on two days, (20 + 40) / 2 = 30 on the third."
    panel, report = join(*kampala)
    assert panel["pm25"].tolist() == [40, 40, 30]
    assert panel["n_monitors"].tolist() == [3, 3, 2]
    assert report.notes == ("PM2.5 of 1 site is the mean of several monitors, of 3 at most",)
    assert (report.monitors, report.monitors_used, report.targets_without_features) == (3, 3, 0)
    assert "1 of 1 sites matched, 1 by distance" in str(report)


def test_the_nearest_monitor_alone_leaves_the_others_unused_and_says_so(kampala):
    "m2 and m3 have features near, so they are not left out for want of a match."
    panel, report = join(*kampala, several="nearest")
    assert panel["pm25"].tolist() == [20, 20, 20]
    assert "n_monitors" not in panel.columns
    assert report.notes == (
        "2 monitors within 5 km not used, since a nearer one was there: m2 (2.0 km), m3 (2.3 km)",
    )
    assert (report.targets_without_features, report.targets_not_used) == (0, 5)
    assert "left out" not in str(report)


def test_each_monitor_may_be_a_site_with_the_inputs_of_its_city(kampala):
    "Nine rows at three positions; the day without a value of m3 stays for the lags."
    panel, report = join(*kampala, several="each")
    assert panel["site_id"].unique().tolist() == ["m1", "m2", "m3"]
    assert panel["city_id"].unique().tolist() == ["Kampala"]
    assert panel["aod055"].tolist() == [1, 2, 3] * 3
    np.testing.assert_array_equal(panel["pm25"], [20, 20, 20, 40, 40, 40, 60, 60, np.nan])
    assert panel.groupby("site_id")["latitude"].first().tolist() == [0.318, 0.33, 0.3]
    assert (report.rows, report.matched, report.sites) == (9, 8, 1)


def test_monitors_of_a_city_count_however_far_they_stand_in_it(kampala):
    "m3 stands 11 km away and says that it is of the city; m2, as far away, says nothing."
    features, targets = kampala
    far = targets["site_id"].isin(["m2", "m3"])
    targets.loc[far, "latitude"] += 0.1
    targets.loc[targets["site_id"] == "m3", "city_id"] = "Kampala"
    panel, report = join(features, targets)
    assert panel["pm25"].tolist() == [40, 40, 20]
    assert report.sites_by_city == 1
    assert report.notes[1] == "1 monitor has no features within 5 km: m2"
    assert report.targets_without_features == 3


def test_the_index_of_a_mean_is_that_of_the_mean(kampala):
    "40 µg/m³ are 112 by the table of 2012: 101 + (40.0 - 35.5) / 19.9 * 49 = 112.08; 30 are 89."
    features, targets = kampala
    panel, _ = join(features, label_panel(targets.assign(aqi=1.0), panel_metadata(targets)))
    assert panel["aqi"].tolist() == [112, 112, 89]


def test_means_of_cities_keep_count_of_their_monitors(kampala):
    "m1 is itself a mean of four, the others are not: 4 + 1 + 1, and m3 has no third day."
    features, targets = kampala
    counted = targets.assign(n_monitors=np.where(targets["site_id"] == "m1", 4.0, np.nan))
    panel, _ = join(features, label_panel(counted, panel_metadata(targets)))
    assert panel["n_monitors"].tolist() == [6, 6, 5]


def test_the_number_of_monitors_is_no_input(kampala):
    "A place without a monitor has none."
    assert feature_columns(join(*kampala)[0]) == ["aod055"]


# -- more than two panels


def test_monitors_of_several_archives_are_stacked(panels):
    "A day that both have alike counts once; b comes from the second archive."
    features, first = panels({"a": DAYS, "b": DAYS}, {"a": DAYS[:2]})
    _, second = panels({"a": DAYS}, {"a": DAYS[:1], "b": DAYS[1:]})
    panel, report = join(first, features, second)
    np.testing.assert_array_equal(panel["pm25"], [10, 20, np.nan, np.nan, 20, 30])
    assert (report.monitors, report.matched) == (2, 4)


def test_two_values_of_one_monitor_and_day_are_refused(panels):
    "Nobody knows which counts."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    other = targets.assign(pm25=targets["pm25"] + 1)
    with pytest.raises(
        ValueError, match="panel 2 and panel 3 have different PM2.5 of site 'a' on 2020-01-01"
    ):
        join(features, targets, other)


@pytest.mark.parametrize(("key", "other"), [("pm25_origin", "sensor"), ("statistic", "mean")])
def test_targets_of_two_kinds_are_refused(panels, key, other):
    "A mean and a median, or a sensor's value and an index, mean different things."
    features, targets = panels({"a": DAYS}, {"a": DAYS[:1]})
    changed = label_panel(targets, replace(panel_metadata(targets), **{key: other}))
    with pytest.raises(ValueError, match=f"{key} of panel 2 is .*, that of panel 3 {other}"):
        join(features, targets, changed)


def test_a_monitor_under_two_names_is_noted(panels):
    "Two archives carry one instrument."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    _, report = join(features, targets, targets.assign(site_id="twin"))
    assert (
        "2 sites stand at the same position: a, twin, with equal values on 3 days: one monitor under two"
        in (" ".join(report.notes))
    )


def test_inputs_stand_side_by_side(make_panel):
    "Rows of either panel stay, empty where the other has none; no PM2.5 is needed."
    first = make_panel({"a": DAYS[:2]}, aod055=[0.1, 0.2])
    second = make_panel({"a": DAYS[1:], "b": DAYS[:1]}, no2=[1e-5, 2e-5, 3e-5])
    panel, report = join(first, second)
    assert panel["site_id"].tolist() == ["a", "a", "a", "b"]
    np.testing.assert_allclose(panel["aod055"], [0.1, 0.2, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(panel["no2"], [np.nan, 1e-5, 2e-5, 3e-5], rtol=1e-6)
    assert str(report) == "4 rows of 2 sites, no PM2.5."
    assert report.notes == ("1 row has no values of panel 2", "2 rows have values of panel 2 only")


def test_inputs_of_one_place_under_two_names_meet(make_panel):
    "0.005 degrees are 550 m."
    first = make_panel({"a": DAYS}, aod055=[0.1] * 3)
    second = make_panel({"x": DAYS}, no2=[1e-5] * 3).assign(latitude=0.005)
    panel, report = join(first, second)
    assert panel["site_id"].unique().tolist() == ["a"]
    assert panel[["aod055", "no2"]].notna().all(axis=None)
    assert report.notes == ("1 site of panel 2 matched within 1 km",)


def test_a_column_in_two_panels_is_refused(make_panel):
    "Whose values count is for the user to say."
    first, second = make_panel({"a": DAYS}, no2=[1e-5] * 3), make_panel({"a": DAYS}, no2=[2e-5] * 3)
    with pytest.raises(ValueError, match="panel 1 and panel 2 both have the column 'no2'"):
        join(first, second)


def test_inputs_of_other_places_are_refused(make_panel):
    "b lies 55 km from a."
    first, second = make_panel({"a": DAYS, "b": DAYS}, no2=[1e-5] * 6), make_panel({"c": DAYS}, co=[0.1] * 3)
    with pytest.raises(ValueError, match="No site of panel 2 is one of panel 1"):
        join(first[first["site_id"] == "b"], second)


def test_joining_step_by_step_equals_joining_at_once(panels, make_panel):
    "Inputs first, then targets."
    features, targets = panels({"a": DAYS, "b": DAYS}, {"a": DAYS[:2], "x": DAYS})
    weather = make_panel({"a": DAYS, "b": DAYS[:1]}, temp_air=[20.0, 21.0, 22.0, 23.0])
    at_once, _ = join(features, weather, targets)
    step, _ = join(join(features, weather)[0], targets)
    pdt.assert_frame_equal(at_once, step)
    assert panel_metadata(at_once) == panel_metadata(step)


# Eighths up to 500 µg m⁻³: exact in single precision, so that the order of a sum does not matter.
PM25 = st.integers(0, 4000).map(lambda eighths: eighths / 8)
MONITORS = st.lists(st.tuples(st.integers(0, 40), st.lists(PM25, min_size=3, max_size=3)), max_size=6)


@pytest.mark.long
@settings(max_examples=40)
@given(MONITORS.filter(len), st.sets(st.integers(0, 40), min_size=1, max_size=5))
def test_the_mean_is_that_of_the_monitors_whose_nearest_site_it_is(monitors, sites):
    "Sites and monitors stand on a meridian, a step of 0.011 degrees (1.2 km) apart; 5 km are four steps."
    features = meridian([(f"s{place:02d}", place, [1.0] * 3) for place in sorted(sites)], "no2")
    # A quarter of a step, so that no monitor is as near to two sites.
    rows = [(f"m{number}", place + 0.25, values) for number, (place, values) in enumerate(monitors)]
    expected = {}
    for _, place, values in rows:
        nearest = min(sites, key=lambda site: abs(site - place))
        if abs(nearest - place) * 0.011 * 110.574 <= 5:
            for day, value in enumerate(values):
                expected.setdefault((f"s{nearest:02d}", DAYS[day]), []).append(value)
    if not expected:
        with pytest.raises(ValueError, match="within 5 km"):
            join(features, meridian(rows, "pm25"))
        return
    panel, _ = join(features, meridian(rows, "pm25"))
    keys = list(zip(panel["site_id"], panel["date"].dt.strftime("%Y-%m-%d"), strict=True))
    np.testing.assert_allclose(
        panel["pm25"], [np.mean(expected.get(key, [np.nan])) for key in keys], rtol=1e-5
    )
    assert panel["n_monitors"].fillna(0).tolist() == [len(expected.get(key, [])) for key in keys]


def meridian(rows, column):
    "A panel of (site, steps to the north, values of three days)."
    table = pd.DataFrame(
        [
            (site, step * 0.011, day, value)
            for site, step, values in rows
            for day, value in zip(DAYS, values, strict=True)
        ],
        columns=["site_id", "latitude", "date", column],
    ).assign(
        city=lambda rows: rows["site_id"], city_id=lambda rows: rows["site_id"], country="UGA", longitude=32.0
    )
    table[column] /= 1 if column == "pm25" else 1e5
    return label_panel(table.assign(date=pd.to_datetime(table["date"])), PanelMetadata())


def test_the_command_takes_any_number_of_panels(kampala, make_panel, tmp_path):
    "Inputs, weather and monitors; the nearest monitor only, within 2.2 km."
    weather = make_panel({"Kampala": DAYS}, temp_air=[20.0] * 3).assign(latitude=0.3163, longitude=32.5822)
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for panel, path in zip((*kampala, weather), paths, strict=True):
        write_panel(label_panel(panel, PanelMetadata()), path)
    out = tmp_path / "joined.parquet"
    options = ["--several", "nearest", "--max-km", "2.2", "--out", out]
    result = CliRunner().invoke(app, ["join", *map(str, [*paths, *options])])
    assert result.exit_code == 0, result.output
    panel = read_panel(out)
    assert panel["pm25"].tolist() == [20, 20, 20]
    assert panel["temp_air"].tolist() == [20, 20, 20]
    assert "1 monitor has no features within 2.2 km: m3" in result.output.replace("\n", " ")
