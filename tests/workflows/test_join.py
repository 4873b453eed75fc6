"""Inputs of one panel meet targets of another by site and day."""

import numpy as np
import pytest

from airq.io import read_panel, write_panel
from airq.panel import PanelMetadata, label_panel, panel_metadata
from airq.workflows.join import join

DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]


@pytest.fixture
def files(tmp_path, make_panel):
    """Writes both panels; sites of `make_panel` lie 0.5 degrees (55 km) apart."""

    def write(features, targets, *, basis="utc", shift=0.0, rename=None):
        inputs = make_panel(features, aod055=[0.1] * sum(map(len, features.values())))
        labels = make_panel(
            targets,
            pm25=[10.0 * (row + 1) for row in range(sum(map(len, targets.values())))],
            metadata=PanelMetadata(day_basis=basis, pm25_origin="index", statistic="median", sources=["W"]),
        )
        labels = labels.assign(latitude=labels["latitude"] + shift)
        if rename:
            labels = labels.assign(
                site_id=labels["site_id"].map(rename), city_id=labels["site_id"].map(rename)
            )
        labels = label_panel(labels, panel_metadata(labels))
        write_panel(inputs, tmp_path / "f.parquet")
        write_panel(labels, tmp_path / "t.parquet")
        return {
            "features": tmp_path / "f.parquet",
            "targets": tmp_path / "t.parquet",
            "out": tmp_path / "p.parquet",
        }

    return write


def test_sites_of_one_name_meet_by_day(files):
    "Of three days of inputs one has a target; a target of a fourth day is left out."
    names = files({"a": DAYS}, {"a": ["2020-01-02", "2020-01-09"]})
    report = join(**names)
    panel = read_panel(names["out"])
    np.testing.assert_array_equal(panel["pm25"], np.array([np.nan, 10, np.nan], dtype="float32"))
    assert (report.matched, report.features_without_target, report.targets_without_features) == (1, 2, 1)
    assert (report.sites_by_id, report.sites_by_distance) == (1, 0)


def test_sites_of_other_names_meet_by_place(files):
    "0.02 degrees of latitude are 2.2 km, within 5."
    names = files({"a": DAYS}, {"x": DAYS[:1]}, shift=0.02)
    report = join(**names)
    assert (report.sites_by_id, report.sites_by_distance, report.matched) == (0, 1, 1)
    assert report.max_km == pytest.approx(2.2, abs=0.05)
    assert read_panel(names["out"])["site_id"].unique().tolist() == ["a"]


def test_sites_too_far_apart_do_not_meet(files):
    "0.06 degrees are 6.6 km, beyond 5 and within 10."
    names = files({"a": DAYS}, {"x": DAYS}, shift=0.06)
    with pytest.raises(ValueError, match="within 5 km"):
        join(**names)
    assert not names["out"].exists()
    assert join(**names, max_km=10).matched == 3


def test_the_panel_keeps_both_origins(files):
    "Origin and statistic of PM2.5 from the targets, inputs' units and both sources."
    names = files({"a": DAYS}, {"a": DAYS})
    join(**names)
    metadata = panel_metadata(read_panel(names["out"]))
    assert (metadata.pm25_origin, metadata.statistic) == ("index", "median")
    assert metadata.units["aod055"] == "1"
    assert metadata.sources == ("W",)


def test_unequal_day_bases_are_refused(files):
    "A local day and a UTC day are different days."
    names = files({"a": DAYS}, {"a": DAYS}, basis="local")
    with pytest.raises(ValueError, match="f.parquet are utc, those of .*t.parquet local"):
        join(**names)
    assert not names["out"].exists()


def test_two_targets_are_refused(files):
    "The first panel must not have PM2.5."
    names = files({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="already has PM2.5"):
        join(names["targets"], names["targets"], out=names["out"])


def test_targets_without_pm25_are_refused(files):
    "The two names may have been exchanged."
    names = files({"a": DAYS}, {"a": DAYS})
    with pytest.raises(ValueError, match="f.parquet.*no PM2.5"):
        join(names["targets"], names["features"], out=names["out"])


def test_one_name_for_two_places_is_refused(files):
    "1 degree of latitude is 111 km."
    names = files({"a": DAYS}, {"a": DAYS}, shift=1.0)
    with pytest.raises(ValueError, match="'a' lies 111 km apart"):
        join(**names)


def test_no_common_day_is_refused(files):
    "The spans of both are in the message."
    names = files({"a": DAYS}, {"a": ["2021-05-01"]})
    with pytest.raises(ValueError, match="2020-01-01 to 2020-01-03.*2021-05-01 to 2021-05-01"):
        join(**names)


def test_the_report_is_one_line(files):
    "What matched, how, and what did not."
    line = str(join(**files({"a": DAYS, "b": DAYS}, {"a": DAYS[:2]})))
    assert "\n" not in line
    assert "1 of 2 sites matched, 1 by site_id; 2 rows got a target, 4 have none" in line


def test_other_columns_of_the_targets_are_left_out_and_said(files, tmp_path):
    "A sensor's own humidity is no input for a place without a sensor."
    names = files({"a": DAYS}, {"a": DAYS})
    labels = read_panel(names["targets"])
    facts = panel_metadata(labels)
    write_panel(label_panel(labels.assign(device_temp=20.0), facts), names["targets"])
    report = join(**names)
    assert "device_temp" not in read_panel(names["out"]).columns
    assert "device_temp" in report.notes[0]


def test_a_target_site_goes_to_the_nearer_of_two_sites(files):
    "x lies at 0.2 degrees: 22 km from a at 0 and 33 km from b at 0.5. Only a gets its values."
    names = files({"a": DAYS, "b": DAYS}, {"x": DAYS[:1]}, shift=0.2)
    report = join(**names, max_km=40)
    panel = read_panel(names["out"])
    assert panel.loc[panel["pm25"].notna(), "site_id"].tolist() == ["a"]
    assert (report.sites, report.sites_by_distance, report.matched) == (2, 1, 1)
    assert report.max_km == pytest.approx(22.1, abs=0.1)
    assert "1 site without a target, although" in report.notes[0]


def test_a_target_site_that_matched_by_name_goes_to_no_neighbour(files):
    "b lies 55 km from a, whose namesake among the targets is taken; 60 km would reach it."
    names = files({"a": DAYS, "b": DAYS}, {"a": DAYS})
    report = join(**names, max_km=60)
    panel = read_panel(names["out"])
    assert panel.loc[panel["site_id"] == "b", "pm25"].isna().all()
    assert (report.sites_by_id, report.sites_by_distance, report.matched) == (1, 0, 3)
    assert "1 site without a target, although" in report.notes[0]


def test_the_nearest_pair_goes_first_and_the_loser_takes_what_is_left(files):
    """a and b lie at 0 and 0.5 degrees, x and y at 0.3 and 0.8.

    x is nearest to both, but nearer to b (22 km) than to a (33 km). a has to take y, 88 km away.
    """
    names = files({"a": DAYS[:1], "b": DAYS[:1]}, {"x": DAYS[:1], "y": DAYS[:1]}, shift=0.3)
    report = join(**names, max_km=100)
    panel = read_panel(names["out"]).set_index("site_id")
    assert panel["pm25"].to_dict() == {"a": 20, "b": 10}
    assert report.max_km == pytest.approx(88.5, abs=0.2)
    assert report.notes == ()


def test_a_site_beyond_the_distance_is_not_counted_as_crowded_out(files):
    "b lies 55 km from the only target, beyond 5."
    assert join(**files({"a": DAYS, "b": DAYS}, {"x": DAYS})).notes == ()
