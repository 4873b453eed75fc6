"""Make a panel of files of OpenAQ's archive, location by location, so that a bad one spoils no other."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import SAME_PLACE_KM, at_cities
from airq.geo import distances_km
from airq.panel import PLACE, check_panel, label_panel, panel_metadata
from airq.sources.cleaning import Reading, Tally
from airq.sources.online.openaq import with_nearest
from airq.sources.online.openaq_archive import ArchiveFile, inflated
from airq.sources.openaq import read_openaq

#: Rows of hours that the reader drops of a location whose positions lie apart.
MOVES = "of a location that moves"
#: What the reader says of days, one location at a time.
_FALLEN = re.compile(r"([\d,]+) of [\d,]+ days fell: (.+)")


def read_archive(
    table: pd.DataFrame,
    files: Mapping[str, Sequence[tuple[ArchiveFile, Path]]],
    cities: pd.DataFrame,
    days: tuple[pd.Timestamp, pd.Timestamp],
    *,
    radius_km: float,
    min_hours: int,
    report_progress=None,
) -> Reading:
    """Read files of locations as a panel of the local days from the first to the last of `days`.

    Parameters
    ----------
    table : DataFrame
        Locations, see :func:`airq.sources.online.openaq.location_table`, with `left_out`: why a location is
        not read, or "". It is filled in: what became of each, and where it stood.
    files : dict of str to list of (ArchiveFile, Path)
        By location, those of the day before and the day after among them.
    cities : DataFrame
        Checked cities.
    days : pair of Timestamp
        First and last day.
    radius_km : float
        Farthest that a location may have stood from its nearest city. [km]
    min_hours : int
        Fewest hours of a day.

    Returns
    -------
    Reading

    Raises
    ------
    ValueError
        If nothing is left of any location.
    """
    tally, panels, damaged = Tally(), [], []
    wanted = table.index[table["left_out"] == ""]
    with tempfile.TemporaryDirectory(prefix="airq-openaq-") as folder:
        for done, row in enumerate(wanted, 1):
            read = files.get(table.loc[row, "location_id"], [])
            joined, broken = join_days([path for _, path in read], [file.day for file, _ in read], *days)
            damaged += [read[place][0].name for place in broken]
            settings = {"folder": folder, "radius_km": radius_km, "min_hours": min_hours}
            panel = _take(table, row, joined, cities, days, tally, has_files=bool(read), **settings)
            panels += [] if panel is None else [panel]
            if report_progress is not None:
                report_progress(done, len(wanted), "locations read")
    if not panels:
        reasons = ", ".join(f"{n:,} {why}" for why, n in table["left_out"].value_counts().items())
        raise ValueError(
            f"No daily PM2.5 is left of {len(table):,} location{'s' if len(table) > 1 else ''} of OpenAQ "
            f"({reasons}). Choose other days, a larger --radius-km or a smaller --min-hours."
        )
    tally.notes[:] = _merged_notes(tally.notes)
    if damaged:
        tally.notes.append(f"left out, as damaged in the archive itself: {some(damaged)}")
    return Reading(_stacked(panels, cities, table, tally), tally)


def _take(table, row, joined, cities, days, tally, *, has_files, folder, radius_km, min_hours):
    """Return the panel of a location, or None; write down what became of it in the table and the tally."""
    location, own, panel = table.loc[row], Tally(), None
    if np.isnan(location["latitude"]) and joined:
        location = _located(table, row, joined, cities)
    left_out = f"without {'readings' if has_files else 'files'} in these days"
    if location["distance_km"] > radius_km:
        left_out = too_far(radius_km)
    elif joined:
        panel, left_out = _read_location(location, joined, folder, cities, min_hours, own)
    if panel is not None:
        panel = panel[panel["date"].between(*days)]
        left_out = _settle(table, row, panel, cities, radius_km, own, tally)
    if left_out:
        table.loc[row, "left_out"] = left_out
    else:
        table.loc[row, ["rows", "days"]] = own.kept, len(panel)
    _add(tally, own)
    return None if left_out else panel


def _read_location(location, joined, folder, cities, min_hours, tally):
    """Return the panel of a location, or None and why there is none."""
    name = f"location-{location['location_id']}"
    paths = [Path(folder) / f"{name}-{number}.csv" for number in range(len(joined))]
    for path, (header, rows) in zip(paths, joined.items(), strict=True):
        path.write_bytes(header + b"\n" + rows)
    facts = Path(folder) / f"{name}.json"
    facts.write_text(json.dumps({"results": [_as_answer(location)]}), encoding="utf-8")
    try:
        return read_openaq([*paths, facts], cities=cities, min_hours=min_hours, tally=tally).panel, ""
    except ValueError as error:
        why = re.sub(rf"{re.escape(folder)}\S*?\.(csv|json)( and \d+ more)?:? ?", "", str(error))
    finally:
        for path in (*paths, facts):
            path.unlink()
    if MOVES in tally.dropped:
        _drop_all(tally, MOVES)
        return None, "that moved in these days"
    _drop_all(tally, "of a location without a daily value")
    if set(tally.dropped) == {"other parameter"}:
        return None, "without PM2.5"
    return None, f"without a daily value: {why}"


def _located(table, row, joined, cities):
    """Take the position of a location from its first reading where nothing else tells it; return its row."""
    header, rows = next(iter(joined.items()))
    first = dict(zip(*csv.reader([header.decode(), rows.partition(b"\n")[0].decode()]), strict=False))
    for name, short in (("latitude", "lat"), ("longitude", "lon")):
        table.loc[row, name] = pd.to_numeric(first.get(short), errors="coerce")
    table.loc[[row]] = with_nearest(table.loc[[row]], cities)
    return table.loc[row]


def _as_answer(location):
    """Return what is known of a location as the API would say it."""
    position = [None if np.isnan(location[name]) else location[name] for name in ("latitude", "longitude")]
    return {
        "id": location["location_id"],
        "name": location["name"] if isinstance(location["name"], str) else None,
        "country": {"code": location["country"] or None},
        "coordinates": dict(zip(("latitude", "longitude"), position, strict=True)),
        "sensors": [{"id": f"any of {location['location_id']}"}],
    }


def _settle(table, row, panel, cities, radius_km, own, tally):
    """Write down where a location stood; return why it is left out after all, or nothing."""
    if panel.empty:
        return "without a daily value in these days"
    place, location = panel[PLACE].iloc[[0]], table.loc[[row]]
    moved = location["latitude"].notna().iloc[0] and distances_km(location, place)[0, 0]
    if moved > SAME_PLACE_KM:
        name = label(table.loc[row])
        tally.notes.append(f"location {name} stood {moved:,.1f} km from where OpenAQ has it now")
    known = ["latitude", "longitude"] + ["country"] * (table.loc[row, "country"] == "")
    table.loc[row, known] = place[known].iloc[0]
    table.loc[[row]] = with_nearest(table.loc[[row]], cities)
    if table.loc[row, "distance_km"] <= radius_km:
        return ""
    _drop_all(own, "too far from every city")
    return too_far(radius_km)


def _drop_all(tally, reason):
    """Count what is kept as dropped; the reader counts some as days, which were many hours before."""
    if tally.kept:
        tally.dropped[reason] = tally.dropped.get(reason, 0) + tally.kept
    tally.merged = 0


def _add(tally, own):
    tally.read, tally.merged = tally.read + own.read, tally.merged + own.merged
    for mine, its in ((tally.dropped, own.dropped), (tally.emptied, own.emptied)):
        for reason, number in its.items():
            mine[reason] = mine.get(reason, 0) + number
    tally.notes += own.notes


def _merged_notes(notes):
    """Return notes of many locations as those of all: days that fell are added up.

    >>> _merged_notes(["1 of 9 days fell: too short", "2 of 9 days fell: too short", "odd", "odd"])
    ['3 days of locations fell: too short', 'odd']
    """
    fallen, others = {}, []
    for note in notes:
        if (match := _FALLEN.fullmatch(note)) is None:
            others.append(note)
            continue
        fallen[match[2]] = fallen.get(match[2], 0) + int(match[1].replace(",", ""))
    sums = [f"{number:,} days of locations fell: {why}" for why, number in fallen.items()]
    return [*sums, *dict.fromkeys(others)]


def _stacked(panels, cities, table, tally):
    """Return one panel of those of all locations; cities far from known ones may join several of them."""
    metadata = [panel_metadata(panel) for panel in panels]
    rows = pd.concat([panel.assign().pipe(_bare) for panel in panels], ignore_index=True)
    in_utc = np.array([facts.day_basis == "utc" for facts in metadata])
    sites = rows[PLACE].drop_duplicates("site_id").reset_index(drop=True)
    # Two hours of the sun's time from Greenwich, where no country has UTC.
    if strange := sites.loc[in_utc & (sites["longitude"].abs() > 30), "site_id"].tolist():
        tally.notes.append(f"times without a local offset, so that days are those of UTC: {some(strange)}")
    places = at_cities(sites, cities, path="OpenAQ")
    placed = places.set_index("site_id").loc[rows["site_id"]].reset_index(drop=True)
    rows = rows.assign(**{name: placed[name] for name in ("city_id", "city", "country")})
    own = places.set_index("site_id")[["city_id", "city"]].rename(
        index=lambda site: site.removeprefix("openaq-")
    )
    kept = table["location_id"].isin(own.index)
    table.loc[kept, ["city_id", "city"]] = own.loc[table.loc[kept, "location_id"]].to_numpy()
    apart = table[kept & ~table["city_id"].isin(cities["city_id"])]
    if len(apart):
        tally.notes.append(
            f"{len(apart):,} of the locations in another country than the nearest city, or more than 50 km "
            f"away, are of no city asked for: {some(map(label, apart.to_dict('records')))}"
        )
    # The archive's times are local by its documentation; where the offset is zero, the days are the same.
    return check_panel(label_panel(rows, dataclasses.replace(metadata[0], day_basis="local")))


def _bare(panel):
    """Remove the metadata, which differ by panel."""
    panel.attrs = {}
    return panel


def label(location) -> str:
    """Return how a note calls a location: its id and name."""
    name = location["name"]
    return (
        f"{location['location_id']} ({name})" if isinstance(name, str) and name else location["location_id"]
    )


def some(names, most: int = 8) -> str:
    """Return names in a line, the first of many.

    >>> some("abcd", most=2)
    'a, b and 2 more'
    """
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def too_far(radius_km: float) -> str:
    """Return why a location is left out that is near no city."""
    return f"farther than {radius_km:g} km from every city"


def join_days(
    paths: Sequence[Path], days: Sequence[pd.Timestamp], start: pd.Timestamp, end: pd.Timestamp
) -> tuple[dict[bytes, bytes], list[int]]:
    """Join files of days, as thousands of small files read one by one are slow.

    Hours outside of the local days from `start` to `end` are left out; a time marks the end of its hour.

    Returns
    -------
    joined : dict of bytes to bytes
        The rows under each header that the files have, without it.
    damaged : list of int
        Places of the files that are no whole gzip.
    """
    joined: dict[bytes, list[bytes]] = {}
    damaged = []
    for place, (path, day) in enumerate(zip(paths, days, strict=True)):
        content = inflated(path.read_bytes())
        if content is None:
            damaged.append(place)
            continue
        header, _, rows = content.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        if not start < day < end:
            rows = _within(header, rows, start, end)
        if rows.strip():
            joined.setdefault(header.strip(), []).append(rows.rstrip() + b"\n")
    return {header: b"".join(parts) for header, parts in joined.items()}, damaged


def _within(header, rows, start, end):
    """Return the rows whose time lies after the midnight of `start` and not after that which ends `end`."""
    names = [name.strip().lower() for name in next(csv.reader([header.decode(errors="replace")]), [])]
    if "datetime" not in names:
        return rows
    column, text = names.index("datetime"), io.StringIO()
    first, last = (f"{day:%Y-%m-%dT%H:%M:%S}" for day in (start, end + pd.Timedelta(days=1)))
    writer = csv.writer(text, lineterminator="\n")
    for row in csv.reader(io.StringIO(rows.decode(errors="replace"))):
        if len(row) <= column or first < row[column].strip().replace(" ", "T")[:19] <= last:
            writer.writerow(row)
    return text.getvalue().encode()
