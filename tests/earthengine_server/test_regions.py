"""Images over discs: the names, nulls and numbers that an extraction depends on."""

import ee
import numpy as np
import numpy.testing as npt

from . import answers
from .assets import DAY

NO2 = "COPERNICUS/S5P/OFFL/L3_NO2"
BAND = "tropospheric_NO2_column_number_density"
KAMPALA = (32.58, 0.32)


def _reduced(image, reducer, *, radius=5000, scale=1113.2, places=(KAMPALA,)):
    """Properties of every place by the real client."""
    points = [ee.Feature(ee.Geometry.Point(list(place)), {"city": n}) for n, place in enumerate(places)]
    discs = ee.FeatureCollection(points).map(lambda point: point.buffer(radius))
    table = ee.data.computeFeatures({"expression": image.reduceRegions(discs, reducer, scale)})
    return [feature["properties"] for feature in table["features"]]


def _day(asset=NO2, band=BAND, day="2020-01-01"):
    start = ee.Date(day)
    return ee.ImageCollection(asset).filterDate(start, start.advance(1, "day")).select([band])


def _pixels(place, radius, scale):
    """Centres within a great-circle distance of a place: an independent sum over a generous square."""
    size = scale / 111319.49079327358
    steps = np.arange(-60, 60)
    column, row = np.meshgrid(np.floor(place[0] / size) + steps, np.floor(place[1] / size) + steps)
    longitude, latitude = (column.ravel() + 0.5) * size, (row.ravel() + 0.5) * size
    here, there = (
        np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        for lon, lat in (np.deg2rad(place), np.deg2rad([longitude, latitude]))
    )
    inside = 6_371_008.8 * np.arccos(np.clip(there @ here, -1, 1)) <= radius
    return longitude[inside], latitude[inside]


def _brute_force(place, radius=5000, scale=1113.2, day="2020-01-01"):
    """Mean over the disc of the mean over the day's orbits; valid pixels of the disc."""
    longitude, latitude = _pixels(place, radius, scale)
    start = answers.milliseconds(day)
    images = list(answers.images(NO2, start, start + DAY))
    values = np.array([answers.field(NO2, BAND, longitude, latitude, image.time) for image in images])
    valid = np.array([answers.valid(NO2, BAND, longitude, latitude, image.time) for image in images])
    values[~valid] = np.nan
    means = np.array([column[~np.isnan(column)].mean() for column in values.T if not np.isnan(column).all()])
    return (means.mean() if len(means) else None), len(means)


def test_the_mean_over_discs_is_that_of_the_formula(server):
    """The server's mean of a day's orbits equals a brute-force mean over the discs' pixel centres."""
    places = [(-17.4 + 7.3 * n, -30.0 + 5.9 * n) for n in range(12)]
    reducer = ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True)
    rows = _reduced(_day().mean(), reducer, places=places)
    expected = [_brute_force(place) for place in places]
    assert sum(mean is None for mean, _ in expected) >= 1
    for row, (mean, count) in zip(rows, expected, strict=True):
        assert row["count"] == count
        if mean is None:
            assert "mean" not in row
        else:
            npt.assert_allclose(row["mean"], mean, rtol=1e-10)


def test_a_small_disc_takes_the_pixel_under_it(server):
    """A disc of 10 m on pixels of 1 degree has the value at the centre of its pixel: 32.5, 0.5."""
    (row,) = _reduced(ee.Image.pixelLonLat(), ee.Reducer.mean(), radius=10, scale=111319.49079327358)
    npt.assert_allclose([row["longitude"], row["latitude"]], [32.5, 0.5])


def test_without_scale_a_composite_has_pixels_of_one_degree(server):
    """A mean of images forgets their scale: one pixel of 1 degree instead of some 65."""
    image = _day().mean().unmask(0)
    rows = [_reduced(image, ee.Reducer.count(), scale=scale)[0]["count"] for scale in (None, 1113.2)]
    assert rows[0] == 1
    assert 55 < rows[1] < 75


def test_one_band_is_called_after_the_reducer(server):
    """One band and one reducer give `mean`; setOutputs names it."""
    image = ee.Image(3).rename("a")
    assert _reduced(image, ee.Reducer.mean()) == [{"city": 0, "mean": 3.0}]
    assert _reduced(image, ee.Reducer.mean().setOutputs(["x"])) == [{"city": 0, "x": 3.0}]


def test_several_bands_are_called_after_the_band(server):
    """Several bands give their names; with several outputs, band and output."""
    image = ee.Image([3, 4]).rename(["a", "b"])
    assert _reduced(image, ee.Reducer.mean()) == [{"city": 0, "a": 3.0, "b": 4.0}]
    both = ee.Reducer.min().combine(ee.Reducer.max(), sharedInputs=True)
    expected = {"city": 0, "a_min": 3.0, "a_max": 3.0, "b_min": 4.0, "b_max": 4.0}
    assert _reduced(image, both) == [expected]


def test_reduce_region_is_called_after_the_band(server):
    """A dictionary of one band has the band's name, and null where nothing is valid."""
    image = ee.Image([3, 4]).rename(["a", "b"]).updateMask(ee.Image([1, 0]))
    found = image.reduceRegion(ee.Reducer.mean(), ee.Geometry.Point(list(KAMPALA)), 1000)
    assert found.getInfo() == {"a": 3.0, "b": None}


def test_a_masked_region_keeps_its_row_and_lacks_the_property(server):
    """Where no pixel is valid there is no mean, while the count is 0."""
    image = ee.Image([3, 4]).rename(["a", "b"]).updateMask(ee.Image([1, 0]))
    assert _reduced(image, ee.Reducer.mean()) == [{"city": 0, "a": 3.0}]
    assert _reduced(image.select("b"), ee.Reducer.count()) == [{"city": 0, "count": 0.0}]


def test_the_last_image_lies_on_top(server):
    """A mosaic shows the last image, and below its masked pixels the one before."""
    first, last = ee.Image([1, 2]).rename(["a", "b"]), ee.Image([3, 4]).rename(["a", "b"])
    mosaic = ee.ImageCollection([first, last.updateMask(ee.Image([1, 0]))]).mosaic()
    assert _reduced(mosaic, ee.Reducer.mean()) == [{"city": 0, "a": 3.0, "b": 2.0}]


def test_composites_by_statistic(server):
    """Of 1, 2 and 6 the mean is 3, the sum 9, the median 2; a masked image is not counted."""
    images = ee.ImageCollection([ee.Image(n).rename("a") for n in (1, 2, 6)])
    masked = images.merge(ee.ImageCollection([ee.Image(100).rename("a").updateMask(0)]))
    found = {
        name: _reduced(getattr(masked, name)(), ee.Reducer.mean())[0]["mean"]
        for name in ("mean", "sum", "median", "min", "max", "count")
    }
    assert found == {"mean": 3.0, "sum": 9.0, "median": 2.0, "min": 1.0, "max": 6.0, "count": 3.0}


def test_quality_bits_mask_pixels(server):
    """Of MAIAC only the pixels stay whose lowest three bits are 1."""
    asset, granule = "MODIS/061/MCD19A2_GRANULES", answers.milliseconds("2020-01-01")
    image = ee.ImageCollection(asset).filterDate("2020-01-01", "2020-01-02").first()
    clear = image.updateMask(image.select("AOD_QA").bitwiseAnd(0b111).eq(1)).select("AOD_QA")
    places = [(180.5 + 0.99 * n, 10.5) for n in range(40)]
    rows = _reduced(clear, ee.Reducer.count(), radius=0, scale=11.131949, places=places)
    centres = np.floor(np.array(places) * 1e4) / 1e4 + 0.5e-4
    bits = answers.field(asset, "AOD_QA", *centres.T, granule).astype(int) & 0b111
    seen = answers.valid(asset, "AOD_QA", *centres.T, granule)
    assert [row["count"] for row in rows] == list((seen & (bits == 1)).astype(float))
    assert 0 < np.sum(seen & (bits == 1)) < np.sum(seen)


def test_rings_are_discs_less_discs(server):
    """The ring between 3 and 6 km holds the pixels of the larger disc that the smaller one lacks."""
    point = ee.Geometry.Point(list(KAMPALA))
    shapes = [point.buffer(6000), point.buffer(3000), point.buffer(6000).difference(point.buffer(3000))]
    counts = [
        ee.Image(1).reduceRegion(ee.Reducer.count(), shape, 500).getInfo()["constant"] for shape in shapes
    ]
    assert counts[2] == counts[0] - counts[1]
    assert 420 < counts[0] < 480


def test_duplicate_bands_get_a_number(server):
    """addBands of a band of the same name calls it name_1; toBands prefixes the image's index."""
    image = ee.Image(1).rename("a")
    assert image.addBands(image).bandNames().getInfo() == ["a", "a_1"]
    assert ee.ImageCollection([image, image]).toBands().bandNames().getInfo() == ["0_a", "1_a"]


def test_a_formula_over_bands(server):
    """(b - 1) * 2 + x of b = 4 and x = 10 is 16."""
    image = ee.Image(4).rename("b4").expression("(b('b4') - 1) * 2 + x", {"x": ee.Image(10)})
    assert _reduced(image, ee.Reducer.mean()) == [{"city": 0, "mean": 16.0}]
