"""`airq sample`: small rasters that xarray and rasterio write become panels."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import airq
from airq.cli import app
from airq.io import read_panel
from airq.messages import AirqWarning
from airq.panel import panel_metadata
from airq.workflows.sample import run_sample

xarray = pytest.importorskip("xarray")
rasterio = pytest.importorskip("rasterio")
for name in ("netCDF4", "zarr", "exactextract"):
    pytest.importorskip(name)

CITIES = pd.DataFrame(
    {
        "city_id": ["dakar", "kampala"],
        "city": ["Dakar", "Kampala"],
        "country": ["SEN", "UGA"],
        "latitude": [14.7, 0.3],
        "longitude": [-17.4, 32.6],
    }
)
LATITUDE, LONGITUDE = np.arange(20, -10.1, -0.5), np.arange(-20, 40.1, 0.5)
HOURS = pd.date_range("2020-01-01", "2020-01-02T23:00", freq="h")


def plane(latitude, longitude):
    "A value that names its position: 100 * latitude + longitude, east positive."
    east = (np.asarray(longitude) + 180) % 360 - 180
    return 100.0 * np.asarray(latitude)[:, None] + east[None, :]


def dataset(name="t2m", values=None, times=HOURS, unit="K", latitude=LATITUDE, longitude=LONGITUDE, **more):
    "A variable by hour on a grid of half a degree; where no values are given, 250 K and a bit of position."
    field = 250 + plane(latitude, longitude) / 1000 if values is None else values
    shape = (len(times), len(latitude), len(longitude))
    field = np.broadcast_to(np.asarray(field, dtype="float64"), shape).copy()
    coordinates = {"time": times, "latitude": latitude, "longitude": longitude}
    attributes = {"units": unit} if unit else {}
    return xarray.Dataset({name: (tuple(coordinates), field, {**attributes, **more})}, coordinates)


def sampled(folder, **options):
    "Panel by site and day, and the report."
    panel, report = run_sample(folder, CITIES, **{"radius_km": 0, **options})
    return panel.set_index(["site_id", "date"]), report


def daily(panel, site, column):
    return panel.loc[site, column].tolist()


def test_hours_become_days(tmp_path):
    "The mean of 24 hours, in °C: 250 K plus the hour's number on the first day, 24 more on the second."
    dataset(values=250 + np.arange(48)[:, None, None]).to_netcdf(tmp_path / "a.nc")
    panel, report = sampled(tmp_path)
    assert daily(panel, "kampala", "temp_air") == pytest.approx([250 + 11.5 - 273.15, 250 + 35.5 - 273.15])
    assert report.columns[0] | {"filled": 1.0} == {
        "column": "temp_air",
        "variable": "t2m",
        "unit": "K",
        "step": "hour",
        "hours": 1.0,
        "files": 1,
        "filled": 1.0,
    }


@pytest.mark.parametrize("latitude", [LATITUDE, LATITUDE[::-1]])
@pytest.mark.parametrize(
    "longitude",
    [LONGITUDE, np.arange(0, 360, 0.5), np.arange(-180, 180, 0.5), np.arange(340, 401, 0.5) % 360],
)
@pytest.mark.parametrize("radius_km", [0, 5])
def test_either_way_round(tmp_path, latitude, longitude, radius_km):
    "Rows from north or south, longitudes from -180, from 0, or across Greenwich: the same value at a place."
    dataset(latitude=latitude, longitude=longitude).to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path, radius_km=radius_km)
    # Both discs lie within a cell: those around 14.5, -17.5 and around 0.5, 32.5.
    for site, value in (("dakar", 1450 - 17.5), ("kampala", 50 + 32.5)):
        assert daily(panel, site, "temp_air")[0] == pytest.approx(250 - 273.15 + value / 1000, abs=1e-4)


def test_a_disc_weighs_cells_by_what_it_covers(tmp_path):
    "A disc on the border of two cells, 10 and 30 µg m⁻³, has their mean; a quarter in each of four likewise."
    values = np.where(LONGITUDE[None, :] < 32.5, 10e-9, 30e-9) * np.ones((len(LATITUDE), 1))
    dataset("pm2p5", values, unit="kg m**-3").to_netcdf(tmp_path / "a.nc")
    on_border = CITIES.assign(longitude=[-17.25, 32.25], latitude=[14.75, 0.25])
    panel, _ = run_sample(tmp_path, on_border, radius_km=20)
    assert panel.set_index("site_id").loc["kampala", "cams_pm25"].iloc[0] == pytest.approx(20, rel=1e-3)


def test_packed_values_are_unpacked(tmp_path):
    "scale_factor, add_offset and _FillValue: the missing cell makes the place empty."
    packed = dataset(values=281.25)
    packed["t2m"][:, :, LONGITUDE == 32.5] = np.nan
    encoding = {"t2m": {"dtype": "int16", "scale_factor": 0.01, "add_offset": 280.0, "_FillValue": -32767}}
    packed.to_netcdf(tmp_path / "a.nc", encoding=encoding)
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air") == pytest.approx([8.1, 8.1])
    assert "kampala" not in panel.index


def test_rain_of_the_hour_before(tmp_path):
    "ERA5's tp [m] at 01:00 is of the first hour: the day's sum runs from 01:00 to 24:00."
    rain = np.where((HOURS.hour == 0) & (HOURS.day == 2), 7e-3, 1e-3)[:, None, None]
    dataset("tp", rain, unit="m").to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path)
    assert panel.loc[("kampala", "2020-01-01"), "precipitation"] == pytest.approx(23 * 1 + 7)


def test_rain_as_a_rate(tmp_path):
    "MERRA-2's kg m-2 s-1 at half past: a millimetre an hour makes 24 a day."
    times = HOURS + pd.Timedelta(minutes=30)
    dataset("PRECTOTCORR", 1 / 3600, times, unit="kg m-2 s-1").to_netcdf(tmp_path / "a.nc4")
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "precipitation") == pytest.approx([24, 24])


def test_sums_since_midnight_are_taken_apart(tmp_path):
    "ERA5-Land: 0.1 mm an hour adds up to 2.4 at 24:00, on four days; the report says so."
    times = pd.date_range("2020-01-01T01:00", "2020-01-05T00:00", freq="h")
    hour = (times - pd.Timedelta(hours=1)).hour + 1
    dataset("tp", 1e-4 * np.asarray(hour)[:, None, None], times, unit="m").to_netcdf(tmp_path / "land.nc")
    panel, report = sampled(tmp_path)
    assert daily(panel, "kampala", "precipitation") == pytest.approx([2.4] * 4, rel=1e-5)
    assert "sums since midnight" in report.notes[0]


def test_three_hourly_days_need_three_quarters(tmp_path):
    "Six of eight values make a day, five do not."
    times = HOURS[::3].delete([0, 1, 8, 9, 10])
    dataset("pm2p5", 20e-9, times, unit="kg m-3").to_netcdf(tmp_path / "cams.nc")
    panel, report = sampled(tmp_path)
    assert panel.loc["dakar", "cams_pm25"].index.strftime("%d").tolist() == ["01"]
    assert "cams_pm25: 2 days of places fell" in report.notes[0]


def test_a_forecast_counts_with_its_shortest_lead(tmp_path):
    "Runs of two days begin every day: the second day is the first of its own run."
    runs = pd.date_range("2020-01-01", periods=2)
    leads = np.arange(0, 48, 3)
    values = np.broadcast_to(
        10e-9 + leads[:, None, None, None] * 1e-9, (16, 2, len(LATITUDE), len(LONGITUDE))
    )
    valid = runs.to_numpy()[:, None] + leads.astype("timedelta64[h]")[None, :]
    dims = ("forecast_period", "forecast_reference_time", "latitude", "longitude")
    content = xarray.Dataset(
        {"pm2p5": (dims, values, {"units": "kg m**-3"})},
        {
            "forecast_period": ("forecast_period", leads, {"units": "hours"}),
            "forecast_reference_time": runs,
            "valid_time": (("forecast_reference_time", "forecast_period"), valid),
            "latitude": LATITUDE,
            "longitude": LONGITUDE,
        },
    )
    content.to_netcdf(tmp_path / "cams.nc")
    panel, _ = sampled(tmp_path)
    first, second, third = daily(panel, "kampala", "cams_pm25")
    assert (first, second) == pytest.approx((10 + 10.5, 10 + 10.5))
    assert third == pytest.approx(10 + 24 + 10.5)


def test_preliminary_values_fill_what_is_missing(tmp_path):
    "ERA5 and ERA5T in one file: expver 5 counts where expver 1 has no value."
    final = dataset(values=280.0)
    final["t2m"][24:] = np.nan
    both = xarray.concat([final, dataset(values=290.0)], dim=pd.Index([1, 5], name="expver"))
    both.to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air") == pytest.approx([6.85, 16.85])


def test_days_in_names_of_files(tmp_path):
    "GHAP has a file a day without a time, in tenths of µg m⁻³; PM2.5 that is no monitor's says so."
    for day in (1, 2, 3):
        one = dataset("PM2.5", 10.0 * day, HOURS[:1], unit="µg/m3").isel(time=0, drop=True)
        encoding = {"PM2.5": {"dtype": "uint16", "scale_factor": 0.1, "_FillValue": 65535}}
        one.to_netcdf(tmp_path / f"GHAP_PM2.5_D1K_2020010{day}_V1.nc", encoding=encoding)
    panel, report = sampled(tmp_path)
    assert daily(panel, "dakar", "pm25") == pytest.approx([10, 20, 30])
    assert panel_metadata(panel).pm25_origin == "model"
    assert report.columns[0]["step"] == "day" and report.columns[0]["files"] == 3


@pytest.mark.parametrize(
    ("names", "column", "n_days"),
    [
        (["aod550_202001.tif", "aod550_202002.tif"], "aod055_month", 60),
        (["night_lights_2020.tif"], "night_lights_year", 366),
        (["aod550.Global.202001-202012.tif"], "aod055_year", 366),
    ],
)
def test_months_and_years_are_named_as_such(tmp_path, names, column, n_days):
    "A monthly or annual field stands on every day of its span, in a column that says so."
    for number, name in enumerate(names, start=1):
        unit = "1" if "aod" in name else "nW cm-2 sr-1"
        geotiff(tmp_path / name, np.full((61, 121), number / 10), unit=unit)
    panel, _ = sampled(tmp_path)
    assert len(panel.loc["dakar"]) == n_days
    assert panel.loc[("dakar", "2020-01-31"), column] == pytest.approx(0.1)
    if len(names) > 1:
        assert panel.loc[("dakar", "2020-02-01"), column] == pytest.approx(0.2)


def geotiff(path, values, *, unit=None, descriptions=(), crs="EPSG:4326", transform=None, **profile):
    "Write a GeoTIFF of one or several bands on the half-degree grid."
    values = np.atleast_3d(values) if np.ndim(values) == 3 else np.asarray(values)[None]
    transform = transform or rasterio.transform.from_origin(-20.25, 20.25, 0.5, 0.5)
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    profile = {"driver": "GTiff", "dtype": "float32", "crs": crs, "transform": transform, **shape, **profile}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values.astype(profile["dtype"]))
        if unit:
            raster.units = [unit] * len(values)
        for number, text in enumerate(descriptions, start=1):
            raster.set_band_description(number, text)


def test_bands_of_a_geotiff(tmp_path):
    "A band a day, named by its description; scale, offset and nodata are followed."
    values = np.array([1000, 2000])[:, None, None] * np.ones((2, 61, 121))
    values[1, :, 100:110] = -1
    names = ["temp_air 2020-01-01", "temp_air 2020-01-02"]
    geotiff(tmp_path / "t.tif", values, unit="degC", descriptions=names, dtype="int16", nodata=-1)
    with rasterio.open(tmp_path / "t.tif", "r+") as raster:
        raster.scales, raster.offsets = [0.01, 0.01], [5.0, 5.0]
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air") == pytest.approx([15, 25])
    assert daily(panel, "kampala", "temp_air") == pytest.approx([15])


def test_a_projected_geotiff(tmp_path):
    "Kampala lies at 455 km east, 33 km north in UTM zone 36 N; a disc of 5 km covers 78.5 cells of 1 km²."
    east = np.arange(400, 500) * np.ones((100, 1))
    transform = rasterio.transform.from_origin(400_000, 80_000, 1000, 1000)
    path = tmp_path / "temp_air_2020-01-01.tif"
    geotiff(path, east / 10, unit="degC", crs="EPSG:32636", transform=transform)
    for radius_km in (0, 5):
        panel, _ = sampled(tmp_path, radius_km=radius_km)
        assert daily(panel, "kampala", "temp_air")[0] == pytest.approx(45.5, abs=0.06)


def test_zarr_stores(tmp_path):
    "A store in the folder is one raster, whatever it is called; fields without a time stand on all days."
    dataset(values=280.0).to_zarr(tmp_path / "era5.zarr", consolidated=False)
    dataset("u10", 3.0, unit="m s**-1").to_zarr(tmp_path / "wind", consolidated=False)
    geotiff(tmp_path / "elevation.tif", np.full((61, 121), 1150.0), unit="m")
    panel, report = sampled(tmp_path)
    for name, value in (("temp_air", 6.85), ("wind_u", 3.0), ("elevation", 1150.0)):
        assert daily(panel, "kampala", name) == pytest.approx([value, value])
    assert report.files == 3


def test_several_files_of_a_variable(tmp_path):
    "Days follow each other; what stands twice counts once, and the last file prevails."
    dataset(values=280.0).to_netcdf(tmp_path / "a.nc")
    dataset(values=290.0, times=HOURS + pd.Timedelta(days=1)).to_netcdf(tmp_path / "b.nc")
    panel, report = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air") == pytest.approx([6.85, 16.85, 16.85])
    assert report.notes[0].startswith("t2m: 24 times stand twice")


def test_local_days(tmp_path):
    "Kampala's day begins two hours before UTC's, so its first has 24 hours from 22:00: none is left over."
    hours = np.arange(48)[:, None, None] + 250.0
    dataset(values=hours).to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path, day_basis="local")
    # 00:00 local of 2 January is 22:00 in UTC, the 22nd hour.
    assert panel.loc[("kampala", "2020-01-02"), "temp_air"] == pytest.approx(
        np.arange(22, 46).mean() + 250 - 273.15
    )
    assert panel_metadata(panel).day_basis == "local"


def test_what_is_left_out_is_said(tmp_path):
    "Levels, other variables, a swath, files of other kinds, steps of eight days, with the reason."
    levels = xarray.concat([dataset("t", 280.0), dataset("t", 270.0)], dim=pd.Index([500, 850], name="level"))
    merged = xarray.merge([dataset(), dataset("ssrd", 1.0, unit="J m**-2"), levels])
    merged.to_netcdf(tmp_path / "a.nc")
    dataset("aod550", 0.3, pd.date_range("2020-01-01", periods=4, freq="8D"), "1").to_netcdf(
        tmp_path / "b.nc"
    )
    xarray.Dataset({"no2": (("scanline", "pixel"), np.ones((3, 4)))}).to_netcdf(tmp_path / "c.nc")
    odd = dataset("d2m", 280.0).assign_coords(time=np.arange(48.0))
    odd["time"].attrs["units"] = "months since 2020-01-01"
    odd.to_netcdf(tmp_path / "f.nc")
    geotiff(tmp_path / "temp_air_202001-202006.tif", np.full((61, 121), 20.0), unit="degC")
    (tmp_path / "d.grib").write_bytes(b"GRIB")
    (tmp_path / "e.zip").write_bytes(b"PK")
    _, report = sampled(tmp_path)
    said = "\n".join(report.left_out)
    for words in (
        "d.grib: GRIB is not read",
        "e.zip: an archive; unpack it",
        "t: has the dimension 'level'",
        "ssrd: no column of a panel; keep it with --keep ssrd (a.nc)",
        "aod550: has a value every 8 days",
        "d2m: its times (months since 2020-01-01) are not understood (f.nc)",
        "temp_air_202001-202006.tif: it is of several months",
        "no2: not on a grid of latitudes and longitudes (c.nc)",
    ):
        assert words in said
    with pytest.warns(AirqWarning, match="Left out: d.grib: GRIB is not read"):
        airq.sample(tmp_path, CITIES, radius_km=0)


def test_a_variable_is_kept_under_its_own_name(tmp_path):
    "With its own unit, as an input."
    dataset("ssrd", 7.0, unit="J m**-2").to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path, keep=["ssrd"])
    assert daily(panel, "dakar", "ssrd") == [7, 7]
    assert panel_metadata(panel).units["ssrd"] == "J m**-2"
    assert panel_metadata(panel).kept == ("ssrd",)


def test_simulated_files_stay_simulated(tmp_path):
    "What a file's title says is among the panel's sources."
    dataset().assign_attrs(title="SIMULATED weather").to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path)
    assert panel_metadata(panel).sources == ("SIMULATED weather; a.nc",)


@pytest.mark.parametrize(
    ("unit", "options", "words"),
    [
        ("furlong", {}, "variable t2m: Unknown unit 'furlong'"),
        ("kg m-3", {}, "variable t2m: No conversion from 'kg m⁻³' to '°C'"),
        (None, {}, "variable t2m says no unit; give it with --units, such as --units t2m=K"),
        ("K", {"radius_km": -1}, "The radius is 0 to 500 km"),
        ("K", {"day_basis": "mine"}, "day_basis is 'mine'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, unit, options, words):
    "An unknown unit, another quantity's, none at all."
    dataset(unit=unit).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        sampled(tmp_path, **options)


def test_a_unit_may_be_given(tmp_path):
    "--units t2m=degC prevails over none."
    dataset(values=20.0, unit=None).to_netcdf(tmp_path / "a.nc")
    panel, _ = sampled(tmp_path, units={"t2m": "degC"})
    assert daily(panel, "dakar", "temp_air") == [20, 20]


def test_implausible_values_are_the_wrong_unit(tmp_path):
    "280 of what is said to be °C."
    dataset(values=280.0, unit="degC").to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match="Wrong unit or column"):
        sampled(tmp_path)


def one_time(path, time, value, bounds=None, name="t2m", **attributes):
    "Write a file of a single time, perhaps with bounds."
    content = dataset(name, value, pd.DatetimeIndex([time]), **attributes)
    if bounds:
        content["time"].attrs["bounds"] = "time_bnds"
        content["time"].encoding["units"] = "hours since 2020-01-01"
        content["time_bnds"] = (("time", "nv"), np.array([bounds], dtype="datetime64[ns]"))
    content.to_netcdf(path)


@pytest.mark.parametrize(
    ("of_days", "of_months"), [("GHAP_PM2.5_D1K_", "GHAP_PM2.5_M1K_"), ("PM2.5_", "PM2.5_")]
)
def test_days_and_months_of_a_variable_stay_apart(tmp_path, of_days, of_months):
    "Five daily files of 10 and a monthly one of 99: each in its own column."
    for day in range(1, 6):
        geotiff(tmp_path / f"{of_days}2020010{day}.tif", np.full((61, 121), 10.0), unit="ug/m3")
    geotiff(tmp_path / f"{of_months}202001.tif", np.full((61, 121), 99.0), unit="ug/m3")
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "pm25") == [10] * 5
    assert daily(panel, "dakar", "pm25_month") == [99] * 5


def test_days_beside_hours_are_said_to_be_left_out(tmp_path):
    "Two days by hour count; the daily file of the same variable is named."
    dataset(values=280.0).to_netcdf(tmp_path / "hours.nc")
    dataset(values=290.0, times=pd.date_range("2020-02-01", periods=3)).to_netcdf(tmp_path / "days.nc")
    panel, report = sampled(tmp_path)
    assert len(panel.loc["dakar"]) == 2
    assert [text for text in report.left_out if "another step" in text and "(days.nc)" in text]


def test_a_lone_last_hour_continues_the_hours(tmp_path):
    "Rain until 23:00 in one file, 24:00 in another: the day's sum has both."
    dataset("tp", 1e-3, HOURS[1:24], unit="m").to_netcdf(tmp_path / "a.nc")
    one_time(tmp_path / "b.nc", "2020-01-02", 7e-3, name="tp", unit="m")
    panel, _ = sampled(tmp_path)
    assert panel.loc[("kampala", "2020-01-01"), "precipitation"] == pytest.approx(23 * 1 + 7)


def test_bounds_tell_that_a_single_time_is_a_month(tmp_path):
    "From 1 January to 1 February: 31 days in the column of months."
    one_time(tmp_path / "a.nc", "2020-01-16", 280.0, ["2020-01-01", "2020-02-01"])
    panel, _ = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air_month") == pytest.approx([6.85] * 31)


def test_a_single_time_at_noon_is_no_day(tmp_path):
    "Without bounds it is an hour; with those of a day it is one."
    one_time(tmp_path / "a.nc", "2020-01-01T12:00", 280.0)
    with pytest.raises(ValueError, match=r"t2m: holds a single hour \(2020-01-01T12:00\)"):
        sampled(tmp_path)
    one_time(tmp_path / "a.nc", "2020-01-01T12:00", 280.0, ["2020-01-01", "2020-01-02"])
    assert daily(sampled(tmp_path)[0], "dakar", "temp_air") == pytest.approx([6.85])


def test_a_single_midnight_is_said_to_be_a_day(tmp_path):
    "It might be a month, so the notes tell what it was taken for."
    one_time(tmp_path / "a.nc", "2020-01-01", 280.0)
    panel, report = sampled(tmp_path)
    assert daily(panel, "dakar", "temp_air") == pytest.approx([6.85])
    assert "t2m: a single time without bounds is taken as a day, not a month" in report.notes


def test_an_hour_of_each_day_is_no_day(tmp_path):
    "Three files of noon, whose names tell no date."
    for day in (1, 2, 3):
        one_time(tmp_path / f"{day}.nc", f"2020-01-0{day}T12:00", 280.0)
    with pytest.raises(ValueError, match=r"t2m: has one hour a day \(12:00\)"):
        sampled(tmp_path)


@pytest.mark.parametrize(
    "method", ["time: maximum", "area: mean time: minimum (interval: 1 hour)", "time: standard_deviation"]
)
def test_extremes_are_no_means(tmp_path, method):
    "Left out with the method that the file names."
    dataset("tas", cell_methods=method, standard_name="air_temperature").to_netcdf(tmp_path / "a.nc")
    dataset("d2m", 270.0).to_netcdf(tmp_path / "b.nc")
    panel, report = sampled(tmp_path)
    assert "temp_air" not in panel
    assert method.split("time: ")[1].split()[0] in report.left_out[0]


def test_places_on_no_raster_are_named(tmp_path):
    "Oslo lies beyond the raster: in the notes and by itself, and in a warning of the library."
    far = pd.concat([CITIES, CITIES[:1].assign(city_id="oslo", city="Oslo", country="NOR", latitude=59.9)])
    dataset().to_netcdf(tmp_path / "a.nc")
    _, report = run_sample(tmp_path, far, radius_km=0)
    assert report.to_dict()["missing"] == ["oslo"]
    assert report.notes[0] == "1 place without a value on any raster: oslo"
    with pytest.warns(AirqWarning, match="without a value on any raster: oslo"):
        airq.sample(tmp_path, far, radius_km=0)


def test_a_cell_of_minus_9999_does_not_count(tmp_path):
    "One of several cells under a disc holds it without being told as missing: the mean is the others'."
    values = np.full((61, 121), 50.0)
    values[LATITUDE == 0.5, LONGITUDE == 32.5] = -9999
    geotiff(tmp_path / "PM2.5_20200101.tif", values, unit="ug/m3")
    panel, report = sampled(tmp_path, radius_km=100)
    assert daily(panel, "kampala", "pm25") == pytest.approx([50])
    assert report.notes[0].startswith("PM2.5: cells beyond 0 to 1500 µg m⁻³ did not count, 1 times")


def test_an_empty_panel_says_why(tmp_path):
    "Ten of 24 hours are no day."
    dataset(times=HOURS[:10]).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match="No place has a value on any day: .*fewer than 18 hours"):
        sampled(tmp_path)


@pytest.mark.parametrize("options", [{"units": {"t2n": "K"}}, {"keep": ["t2n"]}])
def test_options_name_variables_that_are_there(tmp_path, options):
    "Both are refused alike, with the name that was meant."
    dataset().to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match=f"--{next(iter(options))} names 't2n', .* Did you mean t2m"):
        sampled(tmp_path, **options)


def airq_(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command(tmp_path):
    "Writes the panel and the figures, and names what it took and left out."
    (tmp_path / "rasters").mkdir()
    dataset().to_netcdf(tmp_path / "rasters" / "a.nc")
    (tmp_path / "rasters" / "note.txt").write_text("mine")
    CITIES.to_csv(tmp_path / "c.csv", index=False)
    arguments = [
        "sample",
        tmp_path / "rasters",
        "--cities",
        tmp_path / "c.csv",
        "--out",
        tmp_path / "p.parquet",
    ]
    result = airq_(*arguments, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.output
    assert "temp_air (t2m [K], every 1 h, 100% filled)" in " ".join(result.stdout.split())
    assert "left out note.txt: no raster" in result.stdout
    assert len(read_panel(tmp_path / "p.parquet")) == 4
    assert json.loads((tmp_path / "r.json").read_text())[0]["left_out"] == ["note.txt: no raster"]


@pytest.mark.parametrize(
    ("rasters", "options", "code", "words"),
    [
        ("nowhere", [], 1, "No such file or folder: nowhere"),
        ("empty", [], 1, "empty holds no raster"),
        ("bad", [], 1, "bad.nc cannot be read"),
        ("good", ["--units", "t2m"], 2, "is not VARIABLE=UNIT"),
        ("good", ["--out", "p.csv"], 1, "name that ends in .parquet"),
        ("good", ["--out", "good/p.parquet"], 1, "lies inside the input RASTERS"),
        ("far", [], 1, "none of the places lies on it"),
        ("timeless", [], 1, "nothing tells the days"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(tmp_path, monkeypatch, rasters, options, code, words):
    "And no panel is written."
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "bad", "good", "far", "timeless"):
        (tmp_path / name).mkdir()
    (tmp_path / "bad" / "bad.nc").write_text("no NetCDF")
    dataset().to_netcdf(tmp_path / "good" / "a.nc")
    dataset(longitude=LONGITUDE + 80).to_netcdf(tmp_path / "far" / "a.nc")
    geotiff(tmp_path / "timeless" / "elevation.tif", np.full((61, 121), 5.0), unit="m")
    CITIES.to_csv("c.csv", index=False)
    options = options if "--out" in options else [*options, "--out", "p.parquet"]
    result = airq_("sample", rasters, "--cities", "c.csv", *options)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.replace("│", " ").split())
    if code == 1:
        assert [line.startswith("Error: ") for line in result.stderr.splitlines()] == [True]
    assert not list(tmp_path.rglob("p.*"))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("xarray", "NetCDF and Zarr rasters need xarray, which is not installed: pip install xarray"),
        ("netCDF4", "NetCDF rasters need netCDF4, which is not installed: pip install netCDF4"),
        ("exactextract", "Discs (--radius-km above 0) need exactextract, which is not installed"),
    ],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, module, words):
    "In one line, where it is needed."
    dataset().to_netcdf(tmp_path / "a.nc")
    CITIES.to_csv(tmp_path / "c.csv", index=False)
    monkeypatch.setitem(sys.modules, module, None)
    result = airq_(
        "sample", tmp_path / "a.nc", "--cities", tmp_path / "c.csv", "--out", tmp_path / "p.parquet"
    )
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {words}")
