"""Ingest: read tables of stations, satellites or models as a panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.cities import read_cities
from airq.messages import near_name
from airq.panel import TARGET, panel_metadata
from airq.sources.airathon import read_airathon
from airq.sources.airqo import read_uganda
from airq.sources.mapped import read_mapped
from airq.sources.open_meteo import read_open_meteo, read_reference
from airq.sources.openaq import read_openaq
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

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        rows = f"{_counted(self.read, 'row')} read, {self.kept:,} kept, {self.read - self.kept:,} dropped"
        parts = [rows + _reasons(self.dropped)]
        if self.merged:
            parts.append(f"{self.merged:,} of those kept merged into another of their site and day")
        if self.emptied:
            values = _counted(sum(self.emptied.values()), "value")
            parts.append(f"{values} made missing{_reasons(self.emptied)}")
        basis = {"utc": "UTC day", "local": "local day"}[self.day_basis]
        target = f"{self.targets:,} with PM2.5 ({self.pm25_origin})" if self.targets else "none with PM2.5"
        return (
            f"{'; '.join(parts)}. The panel has {_counted(self.rows, 'row')}, {target}, from "
            f"{_counted(self.sites, 'site')} and {_counted(self.days, basis)}, {self.first} to {self.last}."
        )


def _counted(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _reasons(counts):
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f" ({reasons})" if reasons else ""


def read_table(
    paths: str | Path | Sequence[str | Path] | pd.DataFrame,
    format: str = "table",
    *,
    mapping: str | Path | dict | None = None,
    cities: str | Path | pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, IngestReport]:
    """Read tables of stations, satellites or models as a panel.

    Bad rows are dropped and impossible values made missing; the report counts both by reason. Nothing
    is written: see :func:`airq.io.write_panel`.

    Parameters
    ----------
    paths : path, list of paths, or DataFrame
        Files, all of `format`, or a table of format ``"table"``.
    format : {"table", "waqi", "openaq", "uganda", "airathon", "open-meteo", "reference"}
        What the files are; ``"table"`` is anybody's table.
    mapping : path or dict, optional
        What the columns of format ``"table"`` are and in which units: a TOML file, or a dict of the
        same structure, see :func:`airq.sources.mapping.read_mapping`.
    cities : path or DataFrame, optional
        Cities that give positions and names, see :func:`airq.cities.read_cities`; the bundled
        African ones by default.

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
        If a file is not what its name and format say, or no row is left.

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
    options = {"cities": None if cities is None else read_cities(cities)}
    if mapping is not None:
        options["mapping"] = mapping
    panel, tally = READERS[format](paths, **options)
    metadata = panel_metadata(panel)
    report = IngestReport(
        format=format,
        files=1 if isinstance(paths, pd.DataFrame) else len(paths),
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
    )
    return panel, report


def _checked_paths(paths, format, mapping):
    """Return a DataFrame, or a list of paths; refuse a request that does not fit its format."""
    if format not in READERS:
        raise ValueError(
            f"Unknown format {format!r}.{near_name(format, READERS)} Choose one of {', '.join(READERS)}."
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
    resolved = [path.resolve() for path in paths]
    for number, path in enumerate(paths):
        if resolved[number] in resolved[:number]:
            raise ValueError(f"{path} is named twice.")
    return paths
