"""Assembly: chunks become a panel, city by city, in bounded memory."""

from __future__ import annotations

import collections

import numpy as np
import pandas as pd

from airq.io import panel_writer
from airq.panel import COLUMNS, PanelMetadata

#: Numbers of the panel that are held at a time.
MOST_VALUES = 1_000_000
#: Values of chunks that are held at a time: 600 chunks of requests, or 100 of tasks. [bytes]
KEPT_BYTES = 128_000_000


def assemble(folder, chunks):
    """Write the panel of an extraction's folder from chunks, of which later ones prevail.

    Return `rows`, `sites`, `columns`, `first_day`, `last_day`; by column `filled`, the share of values that
    are not empty, and `emptied`, how many implausible values were emptied.
    """
    days = folder.site_days.days
    units = folder.extraction.units_on(days)
    mask = folder.site_days.mask(days)
    placed = _placed(folder, chunks)
    step = max(1, MOST_VALUES // (len(days) * (len(units) + 1)))
    read = _kept(lambda number, layer: chunks[number].values(layer.columns))
    counts = {"filled": dict.fromkeys(units, 0), "emptied": dict.fromkeys(units, 0)}
    extraction = folder.extraction
    metadata = PanelMetadata(
        units={**units, "population": COLUMNS["population"].unit},
        day_basis=extraction.day_basis,
        sources=(extraction.source,),
    )
    with panel_writer(folder.panel, metadata) as write:
        for start in range(0, len(mask), step):
            rows = np.arange(start, min(start + step, len(mask)))
            values = _values(extraction, placed, rows, days, chunks, read)
            write(_frame(folder, {name: values[name] for name in units}, rows, days, mask[rows], counts))
    n = int(mask.sum())
    return {
        "rows": n,
        "sites": len(mask),
        "columns": list(units),
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        "filled": {name: filled / n for name, filled in counts["filled"].items()},
        "emptied": {name: number for name, number in counts["emptied"].items() if number},
    }


def _kept(read):
    """Return a function that reads, and keeps what it read last: cities side by side share most chunks."""
    kept, held = collections.OrderedDict(), 0

    def reading(number, layer):
        nonlocal held
        key = number, layer.name
        if key not in kept:
            kept[key] = read(number, layer)
            held += kept[key].nbytes
        kept.move_to_end(key)
        while held > KEPT_BYTES and len(kept) > 1:
            held -= kept.popitem(last=False)[1].nbytes
        return kept[key]

    return reading


def _placed(folder, chunks):
    """Return by layer, for each chunk with values of it, its number, rows of cities, and columns."""
    rows = [folder.site_days.sites.index.get_indexer(chunk.sites) for chunk in chunks]
    placed = {}
    for layer in folder.extraction.layers:
        names, placed[layer.name] = list(layer.columns), []
        for number, chunk in enumerate(chunks):
            parts = [part for part in layer.parts if folder.serves(chunk, part)]
            if columns := [names.index(name) for part in parts for name in part.columns]:
                placed[layer.name].append((number, rows[number], np.array(columns)))
    return placed


def _values(extraction, placed, rows, days, chunks, read):
    """Return every column of some cities, by name, shape (n_rows, n_days)."""
    columns = {}
    for layer in extraction.layers:
        periods, names = np.unique(layer.period_of(days)), list(layer.columns)
        cube = np.full((len(rows), len(periods), len(names)), np.nan)
        for number, own, served in placed[layer.name]:
            if own.max() < rows[0] or own.min() > rows[-1]:
                continue
            if (here := np.isin(own, rows)).any():
                inside = np.isin(chunks[number].periods, periods)
                at = np.searchsorted(periods, chunks[number].periods[inside])
                values = read(number, layer)[here][:, inside][:, :, served]
                cube[np.ix_(own[here] - rows[0], at, served)] = values
        for part in layer.parts:
            # What was fetched of days that a product no longer has is not its own.
            without = ~np.isin(periods, part.periods(days[0], days[-1]))
            cube[np.ix_(range(len(rows)), without, [names.index(name) for name in part.columns])] = np.nan
        of_day = np.searchsorted(periods, layer.period_of(days))
        columns |= {name: cube[:, of_day, number] for number, name in enumerate(names)}
    return {**columns, **extraction.derived(columns)}


def _frame(folder, values, rows, days, mask, counts):
    """Return rows of the panel for some cities; implausible values are emptied and counted."""
    of_site, of_day = np.nonzero(mask)
    places = folder.site_days.sites.iloc[rows].iloc[of_site]
    columns = {}
    for name, cube in values.items():
        column = cube[of_site, of_day]
        if name in COLUMNS:
            wrong = (column < COLUMNS[name].low) | (column > COLUMNS[name].high)
            column[wrong] = np.nan
            counts["emptied"][name] += int(wrong.sum())
        counts["filled"][name] += int(np.isfinite(column).sum())
        columns[name] = column.astype("float32")
    identity = {
        "site_id": places.index.to_numpy(),
        "city_id": places.index.to_numpy(),
        **{name: places[name].to_numpy() for name in ["city", "country", "latitude", "longitude"]},
        "date": days[of_day].astype("datetime64[us]"),
        "population": places["population"].to_numpy(),
    }
    if folder.site_days.sites["population"].isna().all():
        del identity["population"]
    return pd.DataFrame({**identity, **columns}).astype(dict.fromkeys(("site_id", "city_id"), "str"))
