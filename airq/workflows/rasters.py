"""Write predictions for the cells of a grid as a map: a cloud-optimised GeoTIFF, or a Zarr store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import airq
from airq.grids import grid_of
from airq.io import atomic_folder, atomic_write
from airq.messages import import_optional, warn
from airq.panel import ORIGINS, PanelMetadata, origin_warnings
from airq.report.words import validation_sentence
from airq.units import PM25_UNIT

#: Quantity -> how bands call it.
QUANTITIES = {"pm25": "PM2.5", "lower": "PM2.5, lower end", "upper": "PM2.5, upper end"}
MEANS = {"day": "daily mean", "month": "monthly mean", "year": "annual mean"}
#: Largest block of a GeoTIFF, which holds all bands of a part. [bytes]
BLOCK_BYTES = 2**24
#: File that marks a Zarr store, of format 3.
ZARR_MARK = "zarr.json"


def write_raster(rows: pd.DataFrame, path: str | Path, *, mask_outside: bool = False) -> None:
    """Write predictions for the cells of a grid as a cloud-optimised GeoTIFF.

    There is a band for every day (or month, or year) of PM2.5, then as many of the lower and of the upper end
    of the interval, where there are any. Cells without a prediction have no data (NaN). Each band names its
    quantity and date, and its unit; the tags of the file say what the values rest on.

    Parameters
    ----------
    rows : DataFrame
        From :meth:`airq.PM25Regressor.predict_table`, for places such as ``airq.places(grid=...)`` makes.
    path : str or Path
        File, its name ending in ``.tif``.
    mask_outside : bool
        Whether cells outside the area of applicability have no data.

    Raises
    ------
    ModuleNotFoundError
        If rasterio is missing.
    OSError
        If the file cannot be written.
    ValueError
        If the places are no regular grid, the rows lack metadata, or applicability is unknown.
    """
    check_packages(path, None)
    import rasterio
    import rasterio.shutil

    check_raster_name(path)
    rows, grid, tags, names = _prepared(rows, mask_outside)
    dates = np.sort(rows["date"].unique())
    bands = [(name, pd.Timestamp(date)) for name in names for date in dates]
    row, column = grid.cells(rows)
    by_date = rows.groupby("date").indices
    profile = {"width": grid.width, "height": grid.height, "count": len(bands), "dtype": "float32"}
    transform = rasterio.transform.from_origin(grid.west, grid.north, grid.step_x, grid.step_y)
    profile |= {"crs": "EPSG:4326", "transform": transform, "nodata": np.nan, "interleave": "band"}
    with atomic_write(path) as unfinished:
        draft = unfinished.with_name("draft.tif")
        with rasterio.open(draft, "w", driver="GTiff", BIGTIFF="IF_SAFER", **profile) as raster:
            for number, (name, date) in enumerate(bands, start=1):
                own = by_date[date]
                values = np.full((grid.height, grid.width), np.nan, dtype="float32")
                values[row[own], column[own]] = rows[name].to_numpy()[own]
                raster.write(values, number)
                raster.set_band_description(number, f"{QUANTITIES[name]}, {date:%Y-%m-%d}")
                raster.update_tags(number, quantity=name, date=f"{date:%Y-%m-%d}", units=PM25_UNIT)
            raster.units = [PM25_UNIT] * len(bands)
            described = " ".join(filter(None, [tags.get("WARNING"), tags["TITLE"]]))
            raster.update_tags(**tags, TIFFTAG_IMAGEDESCRIPTION=described, TIFFTAG_SOFTWARE=tags["SOFTWARE"])
            factors = 2 ** np.arange(1, max(2, int(np.log2(max(grid.width, grid.height) / 16)) + 1))
            raster.build_overviews(factors.tolist(), rasterio.enums.Resampling.average)
        side = int(np.sqrt(BLOCK_BYTES / (4 * len(bands)))) // 16 * 16
        options = {"BLOCKSIZE": min(512, max(side, 128)), "COMPRESS": "DEFLATE", "PREDICTOR": "YES"}
        rasterio.shutil.copy(draft, unfinished, driver="COG", BIGTIFF="IF_SAFER", **options)


def write_zarr(rows: pd.DataFrame, path: str | Path, *, mask_outside: bool = False) -> None:
    """Write predictions for the cells of a grid as a Zarr store of `pm25, lower, upper` by day and cell.

    Parameters, errors and content are those of :func:`write_raster`, but `path` is a folder; a Zarr store
    that is already there is replaced. The variables have the dimensions `time, latitude, longitude` and
    attributes of the CF conventions.
    """
    check_packages(None, path)
    import xarray

    rows, grid, tags, names = _prepared(rows, mask_outside)
    dates = np.sort(rows["date"].unique())
    at = (np.searchsorted(dates, rows["date"].to_numpy()), *grid.cells(rows))
    axes = ("time", "latitude", "longitude")
    variables = {}
    for name in names:
        values = np.full((len(dates), grid.height, grid.width), np.nan, dtype="float32")
        values[at] = rows[name]
        variables[name] = (axes, values, {"long_name": QUANTITIES[name], "units": "ug m-3"})
    coordinates = {
        "time": ("time", dates.astype("datetime64[ns]"), {"standard_name": "time"}),
        "latitude": ("latitude", grid.latitudes, {"standard_name": "latitude", "units": "degrees_north"}),
        "longitude": ("longitude", grid.longitudes, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    content = xarray.Dataset(variables, coordinates, {"Conventions": "CF-1.11", **tags})
    with atomic_folder(path, marker=ZARR_MARK) as unfinished:
        content.to_zarr(unfinished, mode="w", zarr_format=3, consolidated=False)


def check_packages(raster, zarr) -> None:
    """Refuse a GeoTIFF or a Zarr store, where one is named, whose packages are not installed."""
    for module, what, asked in [
        ("rasterio", "GeoTIFF files", raster),
        ("xarray", "Zarr stores", zarr),
        ("zarr", "Zarr stores", zarr),
    ]:
        if asked is not None:
            import_optional(module, what)


def check_raster_name(path: str | Path) -> None:
    """Refuse a name that promises another kind of file than GeoTIFF."""
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"{path} would hold a GeoTIFF; give it a name that ends in .tif.")


def _prepared(rows, mask_outside):
    """Return the rows to draw, their grid, what the file says about them, and the quantities it holds."""
    metadata = rows.attrs.get("airq")
    if metadata is None:
        raise ValueError("The predictions carry no metadata; hand over what predict_table returned.")
    grid = grid_of(rows.drop_duplicates("site_id"))
    tags = raster_tags(rows, metadata)
    # Told before cells are masked: the bands of a map do not depend on what its cells are like.
    names = [name for name in QUANTITIES if rows[name].notna().any() or name == "pm25"]
    if mask_outside:
        if rows["inside_domain"].isna().all():
            raise ValueError(
                "The model has no area of applicability, so nothing tells which cells lie outside it."
            )
        outside = ~rows["inside_domain"].fillna(False).to_numpy(dtype=bool)
        tags["MASKED"] = f"{outside.mean():.1%} of the values, outside the area of applicability"
        if outside.all():
            warn(
                "The map is empty: every cell lies outside the area of applicability of the model on every "
                "day. Its inputs are unlike those of the training; see the card of the bundle."
            )
        rows = rows.assign(**{name: rows[name].mask(outside) for name in QUANTITIES})
    return rows, grid, tags, names


def raster_tags(rows: pd.DataFrame, metadata: dict) -> dict[str, str]:
    """Return what a map says about its values, a text by name: origin, unit, interval, scores, sources."""
    period, trained_on = metadata["period"], metadata["trained_on"]
    sources = [*metadata.get("sources", ()), *metadata.get("inputs", ())]
    learned = f"from {ORIGINS[trained_on].words}" if trained_on in ORIGINS else "of unknown origin"
    origin = trained_on if trained_on in ORIGINS else "sensor"
    warnings = origin_warnings(PanelMetadata({}, "utc", origin, metadata.get("statistic", "mean"), sources))
    tags = {
        "TITLE": f"PM2.5 predicted by airq, {MEANS[period]}",
        "SOFTWARE": f"airq {airq.__version__}",
        "UNITS": PM25_UNIT,
        "ORIGIN": f"predictions of a model that learned from PM2.5 {learned}",
        "WARNING": " ".join(warnings),
        "PERIOD": period,
        "DAY_BASIS": metadata.get("day_basis", "unknown"),
        "COVERAGE": "" if rows["level"].isna().all() else f"{rows['level'].max():g}",
        "INTERVALS": metadata.get("intervals", ""),
        "VALIDATION": validation_sentence(metadata["validation"]) if metadata.get("validation") else "",
        "SOURCES": "; ".join(dict.fromkeys(sources)),
    }
    return {name: text for name, text in tags.items() if text}
