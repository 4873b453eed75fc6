"""Open rasters on this machine: NetCDF, GeoTIFF and Zarr become fields on a grid, by time.

What an archive writes of its fields is followed: scale, offset and missing values, units, bounds of time,
longitudes from 0 or from -180, latitudes either way, lead times of forecasts, ERA5's preliminary part
(`expver`). What cannot be a field near the ground is left out, with the reason.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from airq.messages import import_optional
from airq.sources.coverage import RasterGrid
from airq.sources.variables import variable_in

#: Values that are read at once.
AT_ONCE = 8_000_000
SUFFIXES = {".nc": "netcdf", ".nc4": "netcdf", ".cdf": "netcdf", ".tif": "geotiff", ".tiff": "geotiff"}
SUFFIXES |= {".zarr": "zarr"}
#: Names of the coordinates.
LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon")
#: A day, month or year in a name, perhaps an hour; a year and the number of a day.
_DATE = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?:(?P<mark>[-_.]?)(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P=mark)(?P<day>0[1-9]|[12]\d|3[01])(?:[T_-]?(?P<hour>[01]\d|2[0-3])(?:[:-]?[0-5]\d){0,2})?)?)?(?!\d)"
)
#: From one month to another, as SatPM2.5 names its months and years.
_MONTHS = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<first>\d\d)[-_](?P=year)(?P<last>\d\d)(?!\d)")
_DAY_OF_YEAR = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<number>[0-3]\d\d)(?!\d)")


@dataclass(frozen=True)
class Field:
    """A variable of a file, by time on a grid.

    Attributes
    ----------
    path, name : Path, str
        File and variable.
    attributes : dict
        `units, standard_name, long_name, cell_methods` and others, as the file has them.
    source : str
        What the file says of itself, its name last.
    times : array of datetime64[us] of shape (n_times,)
        Empty if the field has no time.
    begins : array or None
        When each value's time span begins, where the file tells it.
    frequency : str or None
        What the file's name says that a value stands for: "hour", "day", "month" or "year".
    grid : RasterGrid
    read : callable
        ``read(times, rows, columns)`` returns values (n_times, n_rows, n_columns) of a slice of times and of
        rows and columns by number.
    together : int
        Times that the file compresses together.
    widths : array of timedelta64 or None
        Width of each value's time span, where the file tells it.
    """

    path: Path
    name: str
    attributes: dict
    source: str
    times: np.ndarray
    begins: np.ndarray | None
    frequency: str | None
    grid: RasterGrid
    read: Callable
    together: int = 1
    widths: np.ndarray | None = None

    def means(self, cells, limits=None) -> tuple[np.ndarray, int]:
        """Return means over places (n_times, n_places), and how many values of cells did not count.

        A mean is NaN where a place has no cell with a value. `cells` are those of
        :func:`airq.sources.coverage.covered_cells`. Values beyond `limits` (low, high) do not count, unless
        they are most of them: then the unit is wrong rather than a cell, and the means show it.
        """
        n_times = max(len(self.times), 1)
        span = np.ptp(cells.rows) + 1, np.ptp(cells.columns) + 1
        step = max(1, AT_ONCE // int(span[0] * span[1]))
        # What is compressed together is read together.
        step = max(step // self.together, 1) * self.together if self.together <= 4 * step else step
        parts = [
            cells.means(
                self.read(slice(start, min(start + step, n_times)), cells.rows, cells.columns), limits
            )
            for start in range(0, n_times, step)
        ]
        means, there, outside = zip(*parts, strict=True)
        if sum(outside) > sum(there) / 2:
            return self.means(cells)
        return np.concatenate(means), sum(outside)


class LeftOut(dict):
    """What is left out and why: (variable, reason) -> names of files; a whole file has no variable."""

    def add(self, path, variable, reason):
        """Add a variable of a file, or the whole file where `variable` is empty."""
        self.setdefault((variable or Path(path).name, reason), []).append(Path(path).name)

    def sentences(self) -> list[str]:
        """Return a sentence for each variable and reason."""
        return [
            f"{name}: {reason}" + (f" ({files[0]}{_and_more(files)})" if files[0] not in (name, "") else "")
            for (name, reason), files in self.items()
        ]


def _and_more(files):
    return f" and {len(files) - 1:,} more" if len(files) > 1 else ""


def raster_files(rasters) -> tuple[list[Path], LeftOut]:
    """Return the rasters among files and folders, in order, and what is left out.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If there is none.
    """
    paths = [Path(rasters)] if isinstance(rasters, (str, Path)) else [Path(path) for path in rasters]
    found, left_out = [], LeftOut()
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"No such file or folder: {path}.")
        for file in sorted(_files(path)):
            if kind_of(file):
                found.append(file)
            elif not file.name.startswith("."):
                left_out.add(file, "", _why_not(file))
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise ValueError(f"{paths[0]} holds no raster: none of its files is {kinds}.")
    return found, left_out


def kind_of(path: Path) -> str | None:
    """Return "netcdf", "geotiff" or "zarr" by the name of a file, or by the marks of a Zarr store."""
    if path.is_dir():
        return "zarr" if any((path / mark).exists() for mark in ("zarr.json", ".zgroup")) else None
    return SUFFIXES.get(path.suffix.lower()) if path.suffix != ".zarr" else None


def _files(path):
    """Yield a file, or the files and Zarr stores of a folder and of the folders in it."""
    if path.is_file() or kind_of(path):
        yield path
        return
    for inner in path.iterdir():
        yield from _files(inner)


def _why_not(path):
    if path.suffix.lower() in (".grib", ".grb", ".grib2", ".grb2"):
        return "GRIB is not read; download it as NetCDF, or convert it"
    if path.suffix.lower() in (".zip", ".gz", ".tar", ".tgz"):
        return "an archive; unpack it"
    return "no raster"


@contextlib.contextmanager
def open_fields(path: Path, left_out: LeftOut) -> Iterator[list[Field]]:
    """Open a file; yield its fields, and add what it holds beside them to `left_out`.

    Raises
    ------
    ModuleNotFoundError
        If the package that reads such files is missing.
    ValueError
        If the file is damaged or not what its name says.
    """
    if kind_of(path) == "geotiff":
        with _open_geotiff(path) as raster:
            try:
                fields = _band_fields(raster, path, left_out)
            except ValueError as error:
                left_out.add(path, "", str(error))
                fields = []
            yield fields
        return
    with _open_dataset(path) as dataset:
        fields = []
        for name in dataset.data_vars:
            try:
                field = _variable_field(dataset, str(name), path)
            except ValueError as error:
                left_out.add(path, str(name), str(error))
                continue
            fields += [field] if field else []
        yield fields


def written_date(text: str) -> tuple[np.datetime64 | None, str | None, str]:
    """Return the date in a name, what it names (hour, day, month or year), and the name without it.

    >>> written_date("GHAP_PM2.5_D1K_20200131_V1")
    (np.datetime64('2020-01-31'), 'day', 'GHAP_PM2.5_D1K_V1')
    >>> written_date("pm25_2020")[:2], written_date("dem")[1]
    ((np.datetime64('2020'), 'year'), None)
    >>> written_date("Global.202001-202012")[:2], written_date("Global.202003-202003")[:2]
    ((np.datetime64('2020'), 'year'), (np.datetime64('2020-03'), 'month'))
    """
    if found := _MONTHS.search(text):
        if found["first"] == found["last"]:
            return np.datetime64(f"{found['year']}-{found['first']}"), "month", _without(text, found)
        if (found["first"], found["last"]) == ("01", "12"):
            return np.datetime64(found["year"]), "year", _without(text, found)
        raise ValueError("it is of several months, which are neither days, nor a month, nor a year")
    for found in _DAY_OF_YEAR.finditer(text):
        if 1 <= int(found["number"]) <= 366:
            date = np.datetime64(found["year"], "D") + np.timedelta64(int(found["number"]) - 1, "D")
            return date, "day", _without(text, found)
    # The most exact date counts: a name may hold the year of a version, too.
    found = max(_DATE.finditer(text), key=lambda one: len(one[0]), default=None)
    if found is None:
        return None, None, text
    parts = [found[name] for name in ("year", "month", "day") if found[name]]
    frequency = ("year", "month", "day")[len(parts) - 1]
    try:
        date = np.datetime64("-".join(parts))
    except ValueError:
        return None, None, text
    if found["hour"]:
        return date + np.timedelta64(int(found["hour"]), "h"), "hour", _without(text, found)
    return date, frequency, _without(text, found)


def _without(text, found):
    left = f"{text[: found.start()].rstrip('_-., ')}_{text[found.end() :].lstrip('_-., ')}"
    return left.strip("_-., ")


@contextlib.contextmanager
def _open_dataset(path):
    xarray = import_optional("xarray", "NetCDF and Zarr rasters")
    kind = kind_of(path)
    module = {"netcdf": "netCDF4", "zarr": "zarr"}[kind]
    import_optional(module, f"{'NetCDF' if kind == 'netcdf' else 'Zarr'} rasters")
    settings = {"engine": "netcdf4"} if kind == "netcdf" else {"engine": "zarr", "consolidated": False}
    try:
        dataset = xarray.open_dataset(path, decode_timedelta=False, **settings)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
    except ValueError:
        # Times that are not understood; the name of the file may tell the date.
        dataset = xarray.open_dataset(path, decode_times=False, decode_timedelta=False, **settings)
    with dataset:
        yield dataset


def _variable_field(dataset, name, path):
    """Return the field of a variable, None if it is none, ValueError with the reason if it cannot be used."""
    variable = dataset[name]
    y, x = (_axis(dataset, variable, names) for names in (LATITUDE, LONGITUDE))
    if not np.issubdtype(variable.dtype, np.number) or variable.ndim < 2:
        return None
    if y is None or x is None:
        raise ValueError("not on a grid of latitudes and longitudes")
    single = [dim for dim in variable.dims if dim not in (x, y) and variable.sizes[dim] == 1]
    times, order, along = _times(dataset, variable, [dim for dim in variable.dims if dim not in (x, y)])
    others = [dim for dim in variable.dims if dim not in (x, y, "expver", *along, *single)]
    if others:
        unit = dataset[others[0]].attrs.get("units", "") if others[0] in dataset else ""
        if "since" in str(unit):
            raise ValueError(f"its times ({unit}) are not understood")
        raise ValueError(f"has the dimension {others[0]!r} beside time and place")
    stem_date, frequency, _ = written_date(path.name) if len(times) < 2 else (None, None, "")
    if not len(times) and stem_date is not None:
        times = np.array([stem_date], dtype="datetime64[us]")
    grid = RasterGrid(*(dataset[axis].to_numpy().astype("float64") for axis in (x, y)))
    read = _variable_reader(variable.isel(dict.fromkeys(set(single) - set(along), 0)), y, x, along, order)
    attributes = {**variable.attrs, "units": variable.attrs.get("units", variable.encoding.get("units"))}
    chunks = variable.encoding.get("chunksizes") or [1] * variable.ndim
    together = chunks[variable.dims.index(along[0])] if len(along) == 1 else 1
    bounds = _bounds(dataset, along, times)
    begins, widths = (None, None) if bounds is None else (bounds[:, 0], bounds[:, 1] - bounds[:, 0])
    facts = _source(dataset.attrs, path), times, begins, frequency
    return Field(path, name, attributes, *facts, grid, read, together, widths)


def _variable_reader(variable, y, x, along, order):
    def read(part, rows, columns):
        values = variable.isel({y: rows, x: columns})
        if len(along) == 1:
            values = values.isel({along[0]: part})
        if "expver" in values.dims:
            values = _first_there(values)
        values = values.transpose(*along, y, x).to_numpy().reshape(-1, len(rows), len(columns))
        return values if order is None else values[order[part]]

    return read


def _axis(dataset, variable, names):
    """Return the dimension of latitudes or of longitudes, or None."""
    degrees = "degrees_north" if names is LATITUDE else "degrees_east"
    for dim in variable.dims:
        coordinate = dataset.get(dim)
        if coordinate is None or coordinate.ndim != 1:
            continue
        told = coordinate.attrs.get("standard_name"), coordinate.attrs.get("units")
        if str(dim).lower() in names or told[0] == names[0] or told[1] == degrees:
            return dim
    return None


def _times(dataset, variable, dims):
    """Return the times of a variable, the order of stacked ones, and the dimensions that they run along.

    A forecast has two: its start and its lead. Of several leads for one time the shortest counts.
    """
    stamped = [name for name in variable.coords if _is_time(variable.coords[name])]
    stamped.sort(key=lambda name: ("valid_time", "time").index(name) if name in ("valid_time", "time") else 2)
    for name in stamped:
        coordinate = variable.coords[name]
        if coordinate.ndim == 0 and not any(variable.coords[other].ndim for other in stamped):
            return _moments(coordinate)[None], None, []
        if coordinate.ndim == 1 and coordinate.dims[0] in dims:
            return _moments(coordinate), None, list(coordinate.dims)
        if coordinate.ndim == 2 and set(coordinate.dims) <= set(dims):
            return _shortest_leads(dataset, coordinate)
    return np.array([], dtype="datetime64[us]"), None, []


def _shortest_leads(dataset, coordinate):
    """Return the different times of forecasts, the positions with the shortest lead, and both dimensions."""
    along = list(coordinate.dims)
    start = next((dim for dim in along if dim in dataset and _is_time(dataset[dim])), None)
    if start is None:
        raise ValueError("its forecasts do not say when they start")
    started = _moments(dataset[start])[tuple(slice(None) if dim == start else None for dim in along)]
    times = _moments(coordinate)
    table = pd.DataFrame({"time": times.ravel(), "lead": (times - started).ravel()})
    table = table.sort_values(["time", "lead"], kind="stable").drop_duplicates("time")
    return table["time"].to_numpy(), table.index.to_numpy(), along


def _is_time(coordinate):
    return np.issubdtype(coordinate.dtype, np.datetime64) or (
        coordinate.dtype == object and coordinate.size and hasattr(coordinate.to_numpy().flat[0], "calendar")
    )


def _moments(coordinate):
    values = coordinate.to_numpy()
    if values.dtype == object:
        if any(one.calendar == "360_day" for one in values.flat):
            raise ValueError("its calendar has months of 30 days")
        values = np.array([one.isoformat() for one in values.flat], dtype="datetime64[us]").reshape(
            values.shape
        )
    return values.astype("datetime64[us]")


def _bounds(dataset, along, times):
    """Return when each time span begins and ends, where the file has bounds of time; else None."""
    name = next(iter(along), None) if along else _scalar_time(dataset)
    if len(along) > 1 or name not in dataset:
        return None
    bounds = dataset[name].attrs.get("bounds", dataset[name].encoding.get("bounds"))
    if bounds not in dataset or not _is_time(dataset[bounds]) or dataset[bounds].shape[-1:] != (2,):
        return None
    bounds = _moments(dataset[bounds]).reshape(-1, 2)
    # Bounds that are no time span say nothing.
    return bounds if len(bounds) == len(times) and (bounds[:, 1] > bounds[:, 0]).all() else None


def _scalar_time(dataset):
    """Return the name of the time of a file that holds a single one, or None."""
    return next((n for n in ("valid_time", "time") if n in dataset and dataset[n].ndim == 0), None)


def _first_there(values):
    """Merge ERA5 (expver 1) and its preliminary part (expver 5)."""
    merged = values.isel(expver=0)
    for number in range(1, values.sizes["expver"]):
        merged = merged.fillna(values.isel(expver=number))
    return merged


def _source(attributes, path):
    said = [str(attributes.get(name, "")).strip() for name in ("title", "source", "institution")]
    said += [str(attributes.get(name, "")).strip() for name in ("TITLE", "WARNING")]
    return "; ".join([*(text for text in dict.fromkeys(said) if text), path.name])


@contextlib.contextmanager
def _open_geotiff(path):
    rasterio = import_optional("rasterio", "GeoTIFF rasters")
    try:
        raster = rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
    with raster:
        yield raster


def _band_fields(raster, path, left_out):
    """Return the fields of a GeoTIFF: its bands by name, which their description or the file's name tells."""
    turned = raster.transform.b or raster.transform.d
    if raster.crs is None or turned:
        left_out.add(path, "", "its grid is turned" if turned else "it has no projection (CRS)")
        return []
    x = raster.transform.c + raster.transform.a * (np.arange(raster.width) + 0.5)
    y = raster.transform.f + raster.transform.e * (np.arange(raster.height) + 0.5)
    grid = RasterGrid(x, y, None if raster.crs.is_geographic else raster.crs.to_wkt())
    file_date, file_frequency, stem = written_date(path.stem)
    bands = []
    for number, description in enumerate(raster.descriptions, start=1):
        date, frequency, name = written_date(description or raster.tags(number).get("long_name", ""))
        if not name and not frequency and raster.count > 1:
            left_out.add(path, f"band {number}", "nothing names it")
            continue
        if frequency is None:
            date, frequency = file_date, file_frequency
        bands.append((name or variable_in(stem), frequency, date, number))
    fields = []
    for name, frequency in dict.fromkeys((name, frequency) for name, frequency, *_ in bands):
        own = [(date, number) for one, how, date, number in bands if (one, how) == (name, frequency)]
        numbers = [number for _, number in own]
        dates = np.array([date for date, _ in own if date is not None], dtype="datetime64[us]")
        tags = raster.tags(numbers[0])
        unit = raster.units[numbers[0] - 1] or tags.get("units") or raster.tags().get("units")
        attributes = {**tags, "units": unit}
        source = _source(raster.tags(), path)
        read = _band_reader(raster, numbers)
        fields.append(Field(path, name, attributes, source, dates, None, frequency, grid, read))
    return fields


def _band_reader(raster, numbers):
    def read(part, rows, columns):
        from rasterio.windows import Window

        window = Window(columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)
        chosen = numbers[part]
        values = raster.read(chosen, window=window, masked=True).astype("float64").filled(np.nan)
        scale, offset = (
            np.array([own[number - 1] for number in chosen])[:, None, None]
            for own in (raster.scales, raster.offsets)
        )
        return (values * scale + offset)[:, (rows - rows[0])[:, None], columns - columns[0]]

    return read
