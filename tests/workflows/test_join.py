"""Inputs of one panel meet targets of another by site and day."""

import numpy as np
import pandas.testing as pdt
import pytest

from airq.io import write_panel
from airq.panel import PanelMetadata, label_panel, panel_metadata
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


def test_two_targets_are_refused(panels):
    "The first panel must not have PM2.5."
    _, targets = panels({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="the features: this panel already has PM2.5"):
        join(targets, targets)


def test_targets_without_pm25_are_refused(panels):
    "The two names may have been exchanged."
    features, targets = panels({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="the targets: The panel has no PM2.5"):
        join(targets, features)


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
    panel, report = join(*both, max_km=100)
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
