"""Choose the mapping of a well-known layout among those that are shipped with the package.

A file of :data:`airq.sources.mapping.SHIPPED` is a mapping with more words: `{ either = [...] }` for a column
that has several names, `needs` for columns by which such a file is known, `among` for all that it may have,
and `[[layouts]]`, each with what sets it apart. The first layout whose columns are all there is taken.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airq.files.header import find_header
from airq.files.tables import read_file, read_text, read_toml
from airq.messages import near_name
from airq.panel import TARGET
from airq.sources.cleaning import FORMAT_COLUMNS
from airq.sources.mapping import SHIPPED


def shipped_mapping(format, paths, stations=None):
    """Return the mapping of the first layout of a format whose columns all files have.

    Parameters
    ----------
    format : str
        A key of :data:`airq.sources.mapping.SHIPPED`.
    paths : list of paths
    stations : path or DataFrame, optional
        Table of stations, which some formats need for positions.

    Returns
    -------
    dict
        As :func:`airq.sources.mapping.read_mapping` takes it.

    Raises
    ------
    ValueError
        If there is none; the message names a missing column, and the format that the file looks like. Or
        if nothing tells where the sites are.
    """
    layouts, named = _layouts(format), []
    for path in paths:
        content = _content(path)
        named.append(_names(content, path, layouts))
        lacking = [lacks for layout in layouts if (lacks := _fitted(layout, named[-1])[1])]
        if len(lacking) == len(layouts):
            raise ValueError(_misfit(format, path, content, lacking))
    shared = [name for name in named[0] if all(name in names for names in named)]
    mapping = next(
        (mapping for mapping, lacks in (_fitted(each, shared) for each in layouts) if not lacks), None
    )
    if mapping is None:
        raise ValueError(
            f"{paths[0]} and {len(paths) - 1} more are of different layouts of {format}; ingest them apart."
        )
    if stations is not None:
        # A geometry may be an area; the position of its station is known.
        columns = mapping["columns"]
        places = {name: columns.get(name) for name in ("latitude", "longitude")}
        drawn = [name for name, entry in places.items() if isinstance(entry, dict) and "pattern" in entry]
        mapping["columns"] = {name: entry for name, entry in columns.items() if name not in drawn}
    if stations is None and not {"latitude", "city"} & set(mapping["columns"]):
        raise ValueError(
            f"{paths[0]}: files of format {format} hold no positions; give a table of stations with their "
            "identifier, latitude and longitude (--stations)."
        )
    return mapping


def formats_of(path):
    """List the formats whose columns a file has, shipped ones first."""
    return _formats_of(_content(path), path)


def _formats_of(content, path):
    found = []
    for format in SHIPPED:
        layouts = _layouts(format)
        names = _names(content, path, layouts)
        if any(not _fitted(layout, names)[1] for layout in layouts):
            found.append(format)
    names = _names(content, path, [])
    coded = {name: known for name, known in FORMAT_COLUMNS.items() if name not in SHIPPED}
    return [*found, *(name for name, known in coded.items() if set(known) <= set(names))]


def _layouts(format):
    """Return the layouts of a format, each with what they share."""
    shared = read_toml(SHIPPED[format])
    tables = ("panel", "columns", "where")
    return [
        {**shared, **own, **{key: {**shared.get(key, {}), **own.get(key, {})} for key in tables}}
        for own in shared.pop("layouts", [{}])
    ]


def _content(path):
    """Return the text of a file, or the names of the columns of a Parquet file."""
    if Path(path).suffix.lower() != ".parquet":
        return read_text(path)
    try:
        return [str(name).strip() for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError):
        return list(read_file(path).columns)


def _names(content, path, layouts):
    """Return the names of a file's columns: of the header of a layout, or of what looks like a header."""
    if isinstance(content, list):
        return content
    for layout in layouts:
        needed = {column for entry in layout["columns"].values() for column in _columns_of(entry)}
        needed |= set(layout["where"])
        with contextlib.suppress(ValueError):
            names = find_header(content, path, needed=needed, separator=layout.get("separator")).names
            if needed <= set(names):
                return names
    return find_header(content, path).names


def _columns_of(entry):
    """Return the columns of a table that an entry needs in any case."""
    if not isinstance(entry, dict):
        return [entry] if isinstance(entry, str) else entry
    columns = entry.get("from", [])
    return (
        [columns] if isinstance(columns, str) else [*columns, *(entry[key] for key in _WIND if key in entry)]
    )


_WIND = ("speed", "direction")


def _fitted(layout, names):
    """Return a layout as a mapping, its alternatives settled by names of columns, and the ones it lacks."""
    mapping = {key: value for key, value in layout.items() if key not in ("needs", "among")}
    lacks = [name for name in [*layout.get("needs", []), *layout["where"]] if name not in names]
    for name, entry in layout["columns"].items():
        if isinstance(entry, dict) and "either" in entry:
            entry = _settled(entry, names)
            if name == TARGET:
                mapping["note"] = [*_listed(layout.get("note", [])), f"PM2.5 is read from {entry['from']!r}"]
        mapping["columns"] = {**mapping["columns"], name: entry}
        lacks += [column for column in _columns_of(entry) if column not in names]
    named = [name for name in names if not name.startswith("Unnamed: ")]
    return mapping, lacks or [name for name in named if name not in layout.get("among", names)]


def _settled(entry, names):
    """Return the first alternative of an entry whose columns are there, or the first of all."""
    shared = {key: value for key, value in entry.items() if key != "either"}
    choices = [choice if isinstance(choice, dict) else {"from": choice} for choice in entry["either"]]
    return shared | next((each for each in choices if set(_columns_of(each)) <= set(names)), choices[0])


def _listed(words):
    return [words] if isinstance(words, str) else words


def _misfit(format, path, content, lacking):
    """Say in one line why no layout fits, and which format may."""
    others = [other for other in _formats_of(content, path) if other != format]
    names = _names(content, path, [])
    hint = f" It looks like --format {others[0]}." if others else ""
    first = list(dict.fromkeys(lacks[0] for lacks in lacking))
    if all(name in names for name in first):
        return f"{path} has the column {first[0]!r}, which no file of format {format} has.{hint}"
    if len(lacking) > 1:
        return (
            f"{path}: none of the layouts of {format} fits: it has no column "
            f"{' or '.join(repr(name) for name in first)}.{hint}"
        )
    hint = hint or near_name(first[0], names)
    return f"{path} has no column {first[0]!r}, which format {format} needs.{hint}"
