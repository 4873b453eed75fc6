"""The real tables, each against counts that plain pandas makes of the raw file."""

import numpy as np
import pandas as pd
import pytest

from airq.cities import check_cities
from airq.panel import check_panel, panel_metadata
from airq.sources.airathon import read_airathon
from airq.sources.airqo import read_uganda
from airq.sources.open_meteo import read_open_meteo, read_reference
from airq.sources.waqi import read_waqi

pytestmark = pytest.mark.realdata

UGANDA = "uganda_airqo_2019_2020.csv.gz"
UNLABELLED = "uganda_airqo_2020_unlabelled.csv.gz"
AIRATHON = "airathon_pm25_maiac.csv.gz"
CAMEROON = "cameroon_open_meteo_cams.csv.gz"
WAQI = "waqi_2020q1_bogota_medellin.csv"
REFERENCE = "za_cities_predictions.csv.gz"

PLACE = ["city_id", "city", "country", "latitude", "longitude"]


@pytest.fixture(scope="module")
def uganda(shared_data):
    return pd.read_csv(shared_data / UGANDA), read_uganda([shared_data / UGANDA])


@pytest.fixture(scope="module")
def airathon(shared_data):
    return pd.read_csv(shared_data / AIRATHON), read_airathon([shared_data / AIRATHON])


@pytest.fixture(scope="module")
def colombia():
    return check_cities(
        pd.DataFrame(
            {
                "city": ["Bogotá", "Medellín"],
                "country": "Colombia",
                "latitude": [4.61, 6.25],
                "longitude": [-74.08, -75.56],
            }
        )
    )


def test_uganda_keeps_every_row(uganda):
    "1,985 rows of 34 places that chain to 7 cities, one of which holds 79 % of the rows."
    raw, found = uganda
    assert len(raw) == len(found.panel) == found.tally.kept == 1985
    assert found.panel["site_id"].nunique() == 34
    share = found.panel["city_id"].value_counts(normalize=True)
    assert (len(share), round(share.iloc[0], 2)) == (7, 0.79)


def test_uganda_has_as_many_gaps_as_flags(uganda):
    "Every value whose flag is 1 is missing in the panel, and no other value of its column."
    raw, found = uganda
    names = {"UvAerosolIndex_absorbing_aerosol_index": "aer_ai", "Ozone_O3_column_number_density": "o3"}
    names["CarbonMonoxide_cloud_height"] = "CarbonMonoxide_cloud_height"
    for before, after in names.items():
        assert found.panel[after].isna().sum() == (raw[f"{before}_na"] == 1).sum()
    flags = raw.filter(regex="_na$")
    assert found.tally.emptied["filled in by the publisher"] == int((flags == 1).sum().sum())
    assert not [name for name in found.panel.columns if name.endswith("_na")]


def test_uganda_keeps_its_targets(uganda):
    "The same values, whatever their order."
    raw, found = uganda
    np.testing.assert_allclose(np.sort(found.panel["pm25"]), np.sort(raw["pm2_5"]), rtol=1e-6)


def test_uganda_has_humidity_in_percent(uganda):
    "A fraction in the file; its zeros are missing."
    raw, found = uganda
    fraction = raw["humidity"][raw["humidity"] > 0]
    assert found.panel["relative_humidity"].count() == len(fraction)
    assert found.panel["relative_humidity"].mean() == pytest.approx(100 * fraction.mean(), rel=1e-5)


def test_both_ugandan_tables_name_places_alike(uganda, shared_data):
    "34 of the 35 places of the unlabelled table are in the labelled one, with the same city."
    _, here = uganda
    there = read_uganda([shared_data / UNLABELLED])
    assert (there.tally.read, there.tally.merged, len(there.panel)) == (4254, 2, 4252)
    both = [
        panel.drop_duplicates("site_id").set_index("site_id")[PLACE] for panel in (here.panel, there.panel)
    ]
    assert len(both[1]) == 35
    pd.testing.assert_frame_equal(both[0], both[1].loc[both[0].index])


def airathon_by_hand(raw):
    """Targets and inputs by cell and day, with fixed offsets in place of time zones."""
    hours = raw["location"].map({"Delhi": 5.5, "Taipei": 8.0, "Los Angeles (SoCAB)": -8.0})
    local = pd.to_datetime(raw["datetime"]).dt.tz_localize(None) + pd.to_timedelta(hours, unit="h")
    good = (raw["value"] > 0) & (raw["value"] < 999)
    targets = raw[good].assign(day=local.dt.normalize()).set_index(["grid_id", "day"])["value"]
    columns = [name for name in raw.columns if name.startswith(("Optical", "Column"))]
    inputs = raw[raw[columns].notna().any(axis=1)].assign(day=pd.to_datetime(raw["date"]))
    return targets, inputs.set_index(["grid_id", "day"])["Optical_Depth_055_avg"]


def test_airathon_joins_targets_and_inputs_by_their_own_day(airathon):
    "The union of the keys of both, with the values of each."
    raw, found = airathon
    targets, inputs = airathon_by_hand(raw)
    panel = found.panel.set_index(["site_id", "date"])
    assert len(panel) == len(targets.index.union(inputs.index))
    np.testing.assert_allclose(panel["pm25"].loc[targets.index], targets, rtol=1e-6)
    np.testing.assert_allclose(panel["aod055"].loc[inputs.index], inputs, rtol=1e-6)
    assert panel["pm25"].count() == len(targets) == 34312 - 52 - 2


def test_airathon_counts_what_it_drops(airathon):
    "52 zeros, 2 ceilings, 54 cells of 3 countries; rows with neither target nor inputs go."
    raw, found = airathon
    assert found.tally.emptied == {"PM2.5 of zero": 52, "PM2.5 at a sensor's ceiling": 2}
    bad = ~((raw["value"] > 0) & (raw["value"] < 999))
    nothing = raw.filter(regex="Optical|Column").isna().all(axis=1)
    assert found.tally.dropped == {"without values": int((bad & nothing).sum())}
    assert found.panel["site_id"].nunique() == 54
    assert sorted(found.panel["country"].unique()) == ["IND", "TWN", "USA"]


@pytest.mark.parametrize(("country", "before", "after"), [("IND", 0.32, 0.44), ("TWN", 0.05, 0.13)])
def test_the_local_day_brings_target_and_aod_together(airathon, country, before, after):
    "The correlation without the mean of each cell and month rises as the README of the data says."
    raw, found = airathon
    location = {"IND": "Delhi", "TWN": "Taipei"}[country]
    as_given = raw[raw["location"] == location].rename(columns={"value": "pm25", "grid_id": "site_id"})
    as_given = as_given.assign(
        date=pd.to_datetime(as_given["date"]), aod055=as_given["Optical_Depth_055_avg"]
    )
    panel = found.panel[found.panel["country"] == country]
    for rows, expected in ((as_given, before), (panel, after)):
        rows = rows[~(rows["pm25"] > 999)]
        values = rows[["pm25", "aod055"]].astype("float64")
        rest = values - values.groupby([rows["site_id"], rows["date"].dt.to_period("M")]).transform("mean")
        assert rest["pm25"].corr(rest["aod055"]) == pytest.approx(expected, abs=0.02)


def test_cameroon_is_a_models_field(shared_data):
    "10 cities x 515 days, complete; weather under the vocabulary's names, gases under their own."
    raw = pd.read_csv(shared_data / CAMEROON)
    panel = read_open_meteo([shared_data / CAMEROON]).panel
    assert len(panel) == len(raw) == 5150
    assert panel_metadata(panel).pm25_origin == "model"
    assert set(panel["country"]) == {"CMR"}
    assert panel["site_id"].nunique() == 10
    columns = {"temperature_2m_mean": "temp_air", "pm2_5": "pm25", "dust": "dust", "ozone": "ozone"}
    for before, after in columns.items():
        assert panel[after].mean() == pytest.approx(raw[before].mean(), rel=1e-5)


def test_waqi_is_inverted_by_the_table_of_2012(shared_data, colombia):
    "196 pm25 rows of 1,999; straight lines between the table's ends give the same concentrations."
    raw = pd.read_csv(shared_data / WAQI)
    raw = raw[raw["Specie"] == "pm25"]
    found = read_waqi([shared_data / WAQI], cities=colombia)
    assert (found.tally.read, found.tally.kept) == (1999, len(raw))
    points = [0, 50, 51, 100, 101, 150, 151, 200]
    concentrations = [0, 12.0, 12.1, 35.4, 35.5, 55.4, 55.5, 150.4]
    expected = np.interp(raw["median"], points, concentrations)
    np.testing.assert_allclose(np.sort(found.panel["pm25"]), np.sort(expected), rtol=1e-6)


def test_waqi_files_that_overlap_count_once(shared_data, colombia, tmp_path):
    "The archive's file and its second half, as the archive publishes quarters and years."
    raw = (shared_data / WAQI).read_text(encoding="utf-8").splitlines(keepends=True)
    half = tmp_path / "half.csv"
    half.write_text("# comment\n" + raw[0] + "".join(raw[1000:]), encoding="utf-8")
    alone = read_waqi([shared_data / WAQI], cities=colombia)
    both = read_waqi([shared_data / WAQI, half], cities=colombia)
    pd.testing.assert_frame_equal(alone.panel, both.panel)
    repeated = sum(line.split(",")[3] == "pm25" for line in raw[1000:])
    assert both.tally.dropped["repeated"] == repeated > 0


def test_the_references_predictions_are_points_of_72_places(shared_data):
    "Two of them called Middelburg; all in South Africa."
    raw = pd.read_csv(shared_data / REFERENCE)
    panel = read_reference([shared_data / REFERENCE]).panel
    assert len(panel) == len(raw) == 41688
    assert panel["site_id"].nunique() == 72
    assert panel.loc[panel["city"] == "Middelburg", "city_id"].nunique() == 2
    assert set(panel["country"]) == {"ZAF"}
    assert panel["pm25"].isna().all()
    assert panel["aqi"].mean() == pytest.approx(raw["Predicted_PM25"].mean(), rel=1e-5)


def test_real_panels_pass_their_own_check(uganda, airathon):
    "With a target, as training needs it."
    for _, found in (uganda, airathon):
        check_panel(found.panel, target="required")
