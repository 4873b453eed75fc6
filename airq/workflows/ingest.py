"""Ingest: read tables of stations, satellites or models as a panel."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.cities import place_findings, read_cities
from airq.messages import near_name
from airq.panel import TARGET, feature_columns, panel_metadata
from airq.sources.airathon import read_airathon
from airq.sources.airqo import read_uganda
from airq.sources.cleaning import Tally
from airq.sources.days import MIN_HOURS
from airq.sources.mapped import read_mapped
from airq.sources.mapping import SHIPPED
from airq.sources.open_meteo import read_open_meteo, read_reference
from airq.sources.openaq import read_openaq
from airq.sources.products import products_of_columns
from airq.sources.shipped import shipped_mapping
from airq.sources.sites import mean_by_city, merge_twins
from airq.sources.waqi import read_waqi

READERS = {
    "waqi": read_waqi,
    "openaq": read_openaq,
    "uganda": read_uganda,
    "airathon": read_airathon,
    "open-meteo": read_open_meteo,
    "reference": read_reference,
    "table": read_mapped,
}
#: Formats whose rows may stand for hours, which must be enough for a day.
HOURLY = ("openaq", "open-meteo", "table", *SHIPPED)
BY, TWINS = ("site", "city"), ("keep", "merge")


@dataclass(frozen=True)
class IngestReport:
    """Account of the rows that were read, and of the panel that they make.

    Attributes
    ----------
    format : str
        Format of the files.
    files, read, kept, merged : int
        Files (or tables) and rows read, rows that the panel holds, of these rows averaged into another.
    dropped, emptied : dict of str to int
        Rows left out and values made missing, by reason.
    notes : tuple of str
        What else a reader of the panel should know.
    rows, sites, cities, days, targets : int
        What the panel has: rows, places, cities, different days, rows with PM2.5.
    first, last : str
        First and last day.
    day_basis, pm25_origin, statistic : str
        See :class:`airq.panel.PanelMetadata`.
    inputs : dict of str to tuple of str
        Columns that a model may learn from, by product.
    """

    format: str
    files: int
    read: int
    kept: int
    merged: int
    dropped: dict[str, int]
    emptied: dict[str, int]
    notes: tuple[str, ...]
    rows: int
    sites: int
    cities: int
    days: int
    targets: int
    first: str
    last: str
    day_basis: str
    pm25_origin: str
    statistic: str
    inputs: dict[str, tuple[str, ...]]

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        inputs = {product: list(names) for product, names in self.inputs.items()}
        return {**dataclasses.asdict(self), "notes": list(self.notes), "inputs": inputs}

    def __str__(self):
        rows = f"{counted(self.read, 'row')} read, {self.kept:,} kept, {self.read - self.kept:,} dropped"
        parts = [rows + in_brackets(self.dropped)]
        if self.merged:
            parts.append(f"{self.merged:,} of those kept merged into another of their site and day")
        if self.emptied:
            values = counted(sum(self.emptied.values()), "value")
            parts.append(f"{values} made missing{in_brackets(self.emptied)}")
        basis = {"utc": "UTC day", "local": "local day"}[self.day_basis]
        n_inputs = sum(map(len, self.inputs.values()))
        listed = "; ".join(
            product if names == (product,) else f"{product} ({_listed(names, n_inputs)})"
            for product, names in self.inputs.items()
        )
        inputs = f" Inputs by product: {listed}." if listed else " No column is an input."
        target = f"{self.targets:,} with PM2.5 ({self.pm25_origin})" if self.targets else "none with PM2.5"
        return (
            f"{'; '.join(parts)}. The panel has {counted(self.rows, 'row')}, {target}, from "
            f"{counted(self.sites, 'site')} and {counted(self.days, basis)}, {self.first} to {self.last}."
            f"{inputs}"
        )


def counted(number, noun, nouns=None):
    """Return a number and what it counts, one or several.

    >>> counted(1, "row"), counted(1200, "city", "cities")
    ('1 row', '1,200 cities')
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def _listed(names, n_inputs):
    """Return names, or how many they are where a table has too many inputs to be read in a line."""
    return ", ".join(names) if n_inputs <= 25 or len(names) <= 2 else counted(len(names), "column")


def in_brackets(counts):
    """Return counts by reason as they stand behind their sum; nothing if there are none.

    >>> in_brackets({"negative PM2.5": 3})
    ' (3 negative PM2.5)'
    """
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f" ({reasons})" if reasons else ""


def read_table(
    paths: str | Path | Sequence[str | Path] | pd.DataFrame,
    format: str = "table",
    *,
    mapping: str | Path | dict | None = None,
    stations: str | Path | pd.DataFrame | None = None,
    cities: str | Path | pd.DataFrame | None = None,
    min_hours: int = MIN_HOURS,
    by: str = "site",
    twins: str = "keep",
    strict: bool = False,
) -> tuple[pd.DataFrame, IngestReport]:
    """Read tables of stations, satellites or models as a panel.

    Bad rows are dropped and impossible values made missing; the report counts both by reason. Rows of hours
    become days. Nothing is written: see :func:`airq.io.write_panel`.

    Parameters
    ----------
    paths : path, list of paths, or DataFrame
        Files, all of `format`, or a table of format ``"table"``.
    format : str
        What the files are, one of :data:`READERS` or :data:`airq.sources.mapping.SHIPPED`; ``"table"`` is
        anybody's table.
    mapping : path or dict, optional
        What the columns of format ``"table"`` are and in which units: a TOML file, or a dict of the
        same structure, see :func:`airq.sources.mapping.read_mapping`.
    stations : path or DataFrame, optional
        Stations, by the identifiers of a mapped table: positions, names, and what else it lacks.
    cities : path or DataFrame, optional
        Cities that give positions and names, see :func:`airq.cities.read_cities`; the bundled
        African ones by default.
    min_hours : int
        Fewest hours that a daily value is made of, 1 to 24.
    by : {"site", "city"}
        Keep the sites, or average those of each city; `n_monitors` counts them.
    twins : {"keep", "merge"}
        What to do with sites within 100 m that read the same; the report names them.
    strict : bool
        Refuse a table with places that look wrong instead of naming them.

    Returns
    -------
    panel : DataFrame
        One row per site and day, sorted, with its metadata in ``attrs``.
    report : IngestReport
        What was read and dropped, and what the panel has.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file is not what its name and format say, or no row is left, or an option does not apply.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "station": ["s1", "s1", "s1"], "lat": 0.31, "lon": 32.58,
    ...     "day": ["2020-01-01", "2020-01-02", "2020-01-03"], "fine": [41.0, 38.5, -9.0]})
    >>> mapping = {
    ...     "panel": {"pm25_origin": "sensor", "day_basis": "local", "statistic": "mean"},
    ...     "columns": {"site_id": "station", "date": "day", "latitude": "lat", "longitude": "lon",
    ...                 "pm25": {"from": "fine", "unit": "µg/m³"}}}
    >>> panel, report = read_table(table, mapping=mapping)
    >>> panel[["site_id", "country", "date", "pm25"]]
      site_id country       date  pm25
    0      s1     UGA 2020-01-01  41.0
    1      s1     UGA 2020-01-02  38.5
    >>> report.dropped
    {'negative PM2.5': 1}
    """
    paths = _checked_paths(paths, format, mapping)
    check_options(format, stations, min_hours, by, twins)
    if format in SHIPPED:
        mapping = shipped_mapping(format, paths, stations)
    options = {"cities": None if cities is None else read_cities(cities)}
    if format in SHIPPED or format == "table":
        options |= {"mapping": mapping, "stations": stations}
    if format in HOURLY:
        options["min_hours"] = min_hours
    panel, tally = READERS.get(format, read_mapped)(paths, **options)
    number = 1 if isinstance(paths, pd.DataFrame) else len(paths)
    return finish(panel, tally, format=format, files=number, by=by, twins=twins, strict=strict)


def finish(
    panel: pd.DataFrame, tally: Tally, *, format: str, files: int, by="site", twins="keep", strict=False
) -> tuple[pd.DataFrame, IngestReport]:
    """Look at the places of a panel that was read, merge what is to be merged, and give account of it.

    `files` is how many were read; the other arguments are those of :func:`read_table`.
    """
    tally.notes.extend(_place_notes(panel, strict, twins))
    if twins == "merge":
        panel, merged = merge_twins(panel)
        tally.notes.extend(f"merged, as they read the same: {one}" for one in merged)
    if by == "city":
        if panel["city_id"].nunique() == panel["site_id"].nunique() > 1:
            tally.notes.append("every site is a city of its own, as no column tells its city")
        panel = mean_by_city(panel)
    metadata = panel_metadata(panel)
    report = IngestReport(
        format=format,
        files=files,
        kept=tally.kept,
        **{**dataclasses.asdict(tally), "notes": tuple(tally.notes)},
        rows=len(panel),
        sites=panel["site_id"].nunique(),
        cities=panel["city_id"].nunique(),
        days=panel["date"].nunique(),
        targets=int(panel[TARGET].notna().sum()) if TARGET in panel.columns else 0,
        first=f"{panel['date'].min():%Y-%m-%d}",
        last=f"{panel['date'].max():%Y-%m-%d}",
        day_basis=metadata.day_basis,
        pm25_origin=metadata.pm25_origin,
        statistic=metadata.statistic,
        inputs=_inputs(panel),
    )
    return panel, report


def check_options(format, stations, min_hours, by, twins):
    """Refuse options of :func:`read_table` that are wrong or do not go with a format."""
    if stations is not None and format != "table" and format not in SHIPPED:
        raise ValueError(f"A stations table goes with a mapped table; format {format} knows its places.")
    if min_hours != MIN_HOURS and format not in HOURLY:
        raise ValueError(f"min_hours does not apply: rows of format {format} stand for days.")
    if not isinstance(min_hours, int) or not 1 <= min_hours <= 24:
        raise ValueError(f"min_hours is {min_hours}; a day has 1 to 24 hours.")
    for name, value, choices in (("by", by, BY), ("twins", twins, TWINS)):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")


def _place_notes(panel, strict, twins):
    """Return what is odd about the places, or refuse it."""
    notes = place_findings(panel, panel if TARGET in panel.columns else None)
    if strict and notes:
        raise ValueError(f"{notes[0]}{'' if len(notes) == 1 else f' ({len(notes) - 1} more)'}")
    hint = "; --twins merge makes one of monitors that read the same" if twins == "keep" else ""
    return [f"{note}{hint if 'equal values' in note else ''}" for note in notes]


def _inputs(panel):
    """Return the columns that a model may learn from, by product."""
    names: dict[str, list[str]] = {}
    for name, product in products_of_columns(feature_columns(panel)).items():
        names.setdefault(product, []).append(str(name))
    return {product: tuple(columns) for product, columns in names.items()}


def _checked_paths(paths, format, mapping):
    """Return a DataFrame, or a list of paths; refuse a request that does not fit its format."""
    if format not in READERS and format not in SHIPPED:
        known = [*READERS, *SHIPPED]
        raise ValueError(
            f"Unknown format {format!r}.{near_name(format, known)} Choose one of {', '.join(known)}."
        )
    if format == "table" and mapping is None:
        raise ValueError("Format table needs a mapping (--mapping M.toml), which says what the columns are.")
    if format != "table" and mapping is not None:
        raise ValueError(f"A mapping goes with format table; format {format} knows its columns.")
    if isinstance(paths, pd.DataFrame):
        if format != "table":
            raise ValueError(f"A DataFrame needs format table and a mapping; format {format} takes files.")
        return paths
    paths = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not paths:
        raise ValueError("Name at least one file to ingest.")
    resolved = [os.path.realpath(path) for path in paths]
    for number, path in enumerate(paths):
        if resolved[number] in resolved[:number]:
            raise ValueError(f"{path} is named twice.")
    return paths
