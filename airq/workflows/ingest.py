"""Ingest: files as the world has them, in; a panel, out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from airq.cities import read_cities
from airq.io import check_parquet_name, check_writable, write_panel
from airq.messages import near_name
from airq.panel import TARGET, panel_metadata
from airq.sources.airathon import read_airathon
from airq.sources.airqo import read_uganda
from airq.sources.mapping import read_mapped
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
    """What became of the rows of the files.

    Attributes
    ----------
    out : str
        The panel's file.
    format : str
        Format of the files.
    files, read, kept, merged : int
        Files and rows read, rows that the panel holds, of these rows averaged into another.
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

    out: str
    format: str
    files: int
    read: int
    kept: int
    merged: int
    dropped: dict
    emptied: dict
    notes: tuple
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

    def to_dict(self):
        """The same facts as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        rows = f"{_counted(self.read, 'row')} read, {self.kept:,} kept, {self.read - self.kept:,} dropped"
        parts = [rows + _reasons(self.dropped)]
        if self.merged:
            parts.append(f"{self.merged:,} of those kept merged into another of their site and day")
        if self.emptied:
            parts.append(f"{_counted(sum(self.emptied.values()), 'value')} emptied{_reasons(self.emptied)}")
        basis = {"utc": "UTC day", "local": "local day"}[self.day_basis]
        target = f"{self.targets:,} with PM2.5 ({self.pm25_origin})" if self.targets else "none with PM2.5"
        return (
            f"{'; '.join(parts)}. {self.out}: {_counted(self.rows, 'row')}, {_counted(self.sites, 'site')}, "
            f"{_counted(self.days, basis)} from {self.first} to {self.last}, {target}."
        )


def _counted(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _reasons(counts):
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f" ({reasons})" if reasons else ""


def ingest(paths, *, format, out, mapping=None, cities=None):
    """Read files of one format and write the panel that they make.

    Parameters
    ----------
    paths : list of str or Path
        Files, all of `format`.
    format : str
        One of :data:`READERS`.
    out : str or Path
        Parquet file to write.
    mapping : str or Path, optional
        Mapping file of format ``"table"``, see :func:`airq.sources.mapping.read_mapping`.
    cities : str or Path, optional
        City table for positions and names, see :func:`airq.cities.read_cities`.

    Returns
    -------
    IngestReport

    Raises
    ------
    OSError
        If a file cannot be read or `out` cannot be written.
    ValueError
        If a file is not what its name and format say, or no row is left.
    """
    paths = [Path(path) for path in paths]
    _check_request(paths, format, out, mapping)
    check_parquet_name(out)
    check_writable(out)
    options = {"cities": None if cities is None else read_cities(cities)}
    if mapping is not None:
        options["mapping"] = mapping
    reading = READERS[format](paths, **options)
    write_panel(reading.panel, out)
    return _report(reading, paths, format, out)


def _check_request(paths, format, out, mapping):
    if format not in READERS:
        raise ValueError(
            f"Unknown format {format!r}.{near_name(format, READERS)} Choose one of {', '.join(READERS)}."
        )
    if not paths:
        raise ValueError("Name at least one file to ingest.")
    if format == "table" and mapping is None:
        raise ValueError("--format table needs --mapping M.toml, which says what the columns are.")
    if format != "table" and mapping is not None:
        raise ValueError(f"--mapping goes with --format table; format {format} knows its columns.")
    twice = [path for number, path in enumerate(paths) if path.resolve() in _resolved(paths[:number])]
    if twice:
        raise ValueError(f"{twice[0]} is named twice.")
    if Path(out).resolve() in _resolved(paths):
        raise ValueError(f"--out {out} is one of the files to read; choose another name.")


def _resolved(paths):
    return {path.resolve() for path in paths}


def _report(reading, paths, format, out):
    panel, tally = reading.panel, reading.tally
    metadata = panel_metadata(panel)
    return IngestReport(
        out=str(out),
        format=format,
        files=len(paths),
        read=tally.read,
        kept=tally.kept,
        merged=tally.merged,
        dropped=dict(tally.dropped),
        emptied=dict(tally.emptied),
        notes=tuple(tally.notes),
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
