"""Sample rasters on this machine at places: NetCDF, GeoTIFF and Zarr become a panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.cities import read_cities
from airq.messages import near_name, warn
from airq.panel import COLUMNS, DAY_BASES, TARGET, PanelMetadata, check_panel, label_panel
from airq.sources import cleaning
from airq.sources.cleaning import Tally
from airq.sources.days import MIN_HOURS
from airq.sources.gridded import days_of, read_series
from airq.sources.rasters import raster_files
from airq.workflows.ingest import counted, in_brackets

#: Widest discs. [km]
MAX_RADIUS_KM = 500


@dataclass(frozen=True)
class SampleReport:
    """Account of the rasters that were sampled, and of the panel that they make.

    Attributes
    ----------
    files : int
        Rasters that were opened.
    rows, sites, days : int
        What the panel has.
    first, last : str
        First and last day.
    columns : list of dict
        By column: `column, variable, unit` (of the files), `step` (hour, day, month, year, none), `hours`
        between two values, `files`, `filled` (share of the rows with a value).
    missing : list of str
        Identifiers of places without a value on any day; the panel has no row of theirs.
    left_out : list of str
        Files and variables that are not in the panel, with the reason.
    emptied, dropped : dict of str to int
        Values made missing and readings left out, by reason.
    notes : tuple of str
        What else a user should know.
    """

    files: int
    rows: int
    sites: int
    days: int
    first: str
    last: str
    columns: list[dict]
    missing: list[str]
    left_out: list[str]
    emptied: dict[str, int]
    dropped: dict[str, int]
    notes: tuple[str, ...]

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        words = {"day": "daily", "month": "monthly", "year": "annual", "none": "without a time"}
        columns = ", ".join(
            f"{one['column']} ({one['variable']} [{one['unit']}], "
            f"{words.get(one['step'], 'every {:g} h'.format(one['hours']))}, {one['filled']:.0%} filled)"
            for one in self.columns
        )
        emptied = f" {counted(sum(self.emptied.values()), 'value')} made missing{in_brackets(self.emptied)}."
        return (
            f"{counted(self.rows, 'row')}, {counted(self.sites, 'place')}, {counted(self.days, 'day')}, "
            f"{self.first} to {self.last}, from {counted(self.files, 'raster')}: {columns}."
            f"{emptied if self.emptied else ''}"
        )


def sample(
    rasters: str | Path | Sequence[str | Path],
    cities: str | Path | pd.DataFrame,
    *,
    radius_km: float = 5.0,
    units: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
    day_basis: str = "utc",
    min_hours: int = MIN_HOURS,
) -> pd.DataFrame:
    """Return a panel of what rasters on this machine hold at places.

    A variable becomes the column that its name or its CF standard name [1]_ means, in the panel's unit; times
    become days. Monthly and annual fields stand on every day of theirs, in columns called `..._month` and
    `..._year`; fields without a time stand on all days. A warning names what is left out.

    Parameters
    ----------
    rasters : str, Path or sequence
        Folder or files: NetCDF (.nc, .nc4), GeoTIFF (.tif) and Zarr stores, such as those of CAMS, ERA5,
        MERRA-2 or GHAP. The extra `rasters` reads them.
    cities : str, Path or DataFrame
        City table; :func:`airq.places` makes one, too.
    radius_km : float
        Means are over discs of this radius, each cell weighted by the area that lies inside; 0 takes the
        cell that a place lies in. [km]
    units : dict of str to str, optional
        Units of variables whose files do not say them, or say them wrongly.
    keep : sequence of str
        Variables that the vocabulary lacks, to keep under their own names and in their own units.
    day_basis : {"utc", "local"}
        Whose midnight ends a day; local days follow the longitude, in whole hours, and are made of several
        values a day.
    min_hours : int
        Fewest hours of a daily value; of fields every three hours a third of them.

    Returns
    -------
    DataFrame
        A panel, one site a place.

    Raises
    ------
    ModuleNotFoundError
        If a package that reads such files is missing.
    OSError
        If a file cannot be read.
    ValueError
        If a unit is missing or unknown, nothing is to be had, or no place lies on a raster.

    References
    ----------
    .. [1] B. Eaton et al., NetCDF Climate and Forecast (CF) Metadata Conventions, https://cfconventions.org
    """
    settings = {"radius_km": radius_km, "units": units, "keep": keep}
    panel, report = run_sample(rasters, cities, **settings, day_basis=day_basis, min_hours=min_hours)
    if report.left_out:
        warn(f"Left out: {'; '.join(report.left_out)}.")
    if report.missing:
        warn(f"{_without_values(report.missing)}.")
    return panel


def run_sample(
    rasters,
    cities,
    *,
    radius_km=5.0,
    units=None,
    keep=(),
    day_basis="utc",
    min_hours=MIN_HOURS,
    advance=None,
) -> tuple[pd.DataFrame, SampleReport]:
    """Return the panel of :func:`sample`, whose parameters these are, and a :class:`SampleReport`.

    `advance` is called as ``advance(done, total, text)`` after every file.
    """
    if not 0 <= radius_km <= MAX_RADIUS_KM:
        raise ValueError(f"The radius is 0 to {MAX_RADIUS_KM} km, got {radius_km:g}.")
    if day_basis not in DAY_BASES:
        raise ValueError(f"day_basis is {day_basis!r}; it must be one of {', '.join(DAY_BASES)}.")
    places = read_cities(cities)
    files, left_out = raster_files(rasters)
    series = read_series(files, places, radius_km, units or {}, keep, left_out, advance)
    tally = Tally()
    _refuse_unused({"--units": units or {}, "--keep": keep}, series, left_out)
    tables, columns = _tables(series, places, tally, left_out, day_basis, min_hours)
    metadata = PanelMetadata(
        units={one["column"]: one.pop("panel_unit") for one in columns},
        day_basis=day_basis,
        pm25_origin="model" if TARGET in tables else "sensor",
        sources=dict.fromkeys(_source(own) for own in series),
        kept=[one["column"] for one in columns if one["column"] not in COLUMNS],
    )
    panel = _panel(_merged(tables), places, tally, left_out, metadata)
    missing = [one for one in places["city_id"] if one not in set(panel["site_id"])]
    filled = {name: float(panel[name].notna().mean()) for name in tables}
    sentences = left_out.sentences()
    return panel, SampleReport(
        files=len(files),
        rows=len(panel),
        sites=panel["site_id"].nunique(),
        days=panel["date"].nunique(),
        first=f"{panel['date'].min():%Y-%m-%d}",
        last=f"{panel['date'].max():%Y-%m-%d}",
        columns=[{**one, "filled": filled[one["column"]]} for one in columns],
        missing=missing,
        left_out=sentences,
        emptied=tally.emptied,
        dropped=tally.dropped,
        notes=(
            *([_without_values(missing)] if missing else []),
            *dict.fromkeys(tally.notes),
            *(f"left out {sentence}" for sentence in sentences),
        ),
    )


def _without_values(missing):
    more = f" and {len(missing) - 5:,} more" if len(missing) > 5 else ""
    return f"{counted(len(missing), 'place')} without a value on any raster: {', '.join(missing[:5])}{more}"


def _refuse_unused(options, series, left_out):
    """Refuse variables that an option names and no file has."""
    there = {own.variable for own in series} | {name for name, _ in left_out}
    for option, names in options.items():
        for name in names:
            if name not in there:
                raise ValueError(
                    f"{option} names {name!r}, which no file has.{near_name(name, sorted(there))}"
                )


def _tables(series, places, tally, left_out, day_basis, min_hours):
    """Return (step, values by place and day) of every series by column, and facts of each; one at least."""
    tables, columns = {}, []
    for own in series:
        try:
            name = f"{own.column}_{own.step}" if own.step in ("month", "year") else own.column
            if name in tables:
                other = next(one["variable"] for one in columns if one["column"] == name)
                raise ValueError(
                    f"{name} is already {other}"
                    + (" of another step" if other == own.variable else "")
                    + "; sample these files by themselves"
                )
            table = days_of(own, places, tally, day_basis=day_basis, min_hours=min_hours)
        except ValueError as error:
            for part in own.parts:
                left_out.add(part.path, own.variable, str(error))
            continue
        tables[name] = own.step, table.rename(columns={own.column: name})
        facts = {"variable": own.variable, "unit": own.parts[0].unit, "step": own.step, "hours": own.hours}
        columns.append({"column": name, **facts, "files": len(own.parts), "panel_unit": own.unit})
    if not tables:
        raise ValueError(f"Nothing to sample: {'; '.join(left_out.sentences()[:3]) or 'no variable'}.")
    return tables, columns


def _source(series):
    n_files = len(series.parts)
    return series.parts[0].source + (f" and {counted(n_files - 1, 'file')} more" if n_files > 1 else "")


def _merged(tables):
    """Return one table by place and day; months, years and fields without a time stand on its days.

    `tables` holds (step, DataFrame) by column. Where none has days, they are all days of the months or years.
    """
    by_day = [
        table.set_index(["site_id", "date"]) for step, table in tables.values() if step in ("hour", "day")
    ]
    longer = [(step, table) for step, table in tables.values() if step in ("month", "year")]
    timeless = [table for step, table in tables.values() if step == "none"]
    if by_day:
        rows = pd.concat(by_day, axis=1).reset_index()
    elif longer:
        rows = pd.concat([_all_days(table, step) for step, table in longer])
        rows = rows.drop_duplicates(ignore_index=True)
    else:
        raise ValueError("No raster here has a time, so nothing tells the days; add one that has.")
    for step, table in longer:
        code = {"month": "M", "year": "Y"}[step]
        rows = rows.assign(span=rows["date"].dt.to_period(code))
        table = table.assign(span=table["date"].dt.to_period(code)).drop(columns="date")
        rows = rows.merge(table, how="left", on=["site_id", "span"]).drop(columns="span")
    for table in timeless:
        rows = rows.merge(table, how="left", on="site_id")
    return rows


def _all_days(table, step):
    """Return every day of the months or years that places have."""
    spans = table[["site_id", "date"]].drop_duplicates()
    n_days = spans["date"].dt.days_in_month if step == "month" else 365 + spans["date"].dt.is_leap_year
    days = spans.loc[spans.index.repeat(n_days)].reset_index(drop=True)
    number = days.groupby(["site_id", "date"]).cumcount()
    return days.assign(date=days["date"] + pd.to_timedelta(number, unit="D"))


def _panel(rows, places, tally, left_out, metadata):
    """Return a checked panel of sampled rows, each with its place."""
    if places["population"].isna().all():
        places = places.drop(columns="population")
    places = places.rename(columns={"city_id": "site_id"})
    places.insert(1, "city_id", places["site_id"])
    rows = rows.merge(places, how="left", on="site_id")
    rows = rows.assign(date=rows["date"].astype("datetime64[us]"))
    rows = cleaning.without_implausible(rows, tally, path="The rasters")
    if TARGET in rows.columns:
        rows = cleaning.with_target(rows, tally)
    if rows.empty:
        counts = [
            f"{number:,} times {reason}" for reason, number in {**tally.emptied, **tally.dropped}.items()
        ]
        why = "; ".join([*tally.notes, *counts, *left_out.sentences()]) or "the rasters hold no values there"
        raise ValueError(f"No place has a value on any day: {why}.")
    own = [name for name in metadata.units if name not in COLUMNS]
    rows = rows.astype({**dict.fromkeys(own, "float32"), "site_id": "str", "city_id": "str"})
    return check_panel(label_panel(rows, metadata))
