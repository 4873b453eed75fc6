"""Panels in Parquet, and files that are either whole or absent.

A file or folder is written under a temporary name beside its final one and renamed when it is complete
(an *atomic write*), so an interrupted run leaves the older version, or nothing. :func:`check_outputs`
refuses names that cannot be written, or that would overwrite an input, before any work is done.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.panel import Labels, PanelMetadata, check_panel, label_panel, panel_metadata

#: Rows that a Parquet file holds together.
ROW_GROUP = 131_072


def read_panel(
    source: str | Path | pd.DataFrame, *, target: Literal["optional", "required"] = "optional"
) -> pd.DataFrame:
    """Read and check a panel.

    Parameters
    ----------
    source : str, Path or DataFrame
        Parquet file that :func:`write_panel` made, or a table with panel metadata; it stays as it is.
    target : {"optional", "required"}
        Whether at least one row must have a `pm25`.

    Returns
    -------
    DataFrame
        One row per site and day, sorted, with its metadata.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or is not a sound panel; the message names the file.

    Examples
    --------
    >>> from airq.sources.simulated import simulate
    >>> panel = read_panel(simulate(n_cities=2, start="2020-01-01", end="2020-01-03"))
    >>> len(panel), panel.attrs["airq"]["pm25_origin"]
    (6, 'simulated')
    """
    if isinstance(source, pd.DataFrame):
        return check_panel(source, target=target)
    with open_panel_file(source) as (file, metadata):
        table = file.read()
    panel = table.replace_schema_metadata({k: v for k, v in table.schema.metadata.items() if k == b"pandas"})
    panel = panel.to_pandas()
    panel.attrs = {"airq": Labels(metadata.to_dict())}
    try:
        return check_panel(panel, target=target)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


@contextlib.contextmanager
def open_panel_file(path: str | Path) -> Iterator[tuple[pq.ParquetFile, PanelMetadata]]:
    """Open the Parquet file of a panel, to be read in parts; yield the file and the panel's metadata.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or has no panel metadata.
    """
    path = Path(path)
    hint = f" For a table of your own: airq ingest {path} --format table --mapping M.toml --out panel.parquet"
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the Parquet file in it.")
    try:
        # Read a little at a time, whatever the size of its row groups.
        file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except FileNotFoundError:
        raise FileNotFoundError(f"No such file: {path}.") from None
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0].split(". ")[0][:120]
        what = f"not a whole Parquet file ({reason})"
        if path.suffix.lower() not in (".parquet", ".pq"):
            what = "not a panel, which is a Parquet file that airq wrote"
        raise ValueError(f"{path} is {what}.{hint}") from None
    with file:
        stored = (file.schema_arrow.metadata or {}).get(b"airq")
        if stored is None:
            raise ValueError(
                f"{path} is Parquet, but not a panel: it has no airq metadata (in Python, airq.write_panel "
                f"keeps them).{hint}"
            )
        try:
            content = json.loads(stored)
        except ValueError:
            raise ValueError(f"The airq metadata of {path} are damaged; make the panel again.") from None
        # Predictions and scores carry metadata, too.
        if isinstance(content, dict) and "pm25_origin" not in content:
            raise ValueError(f"{path} is another table of airq, not a panel: it has no `pm25_origin`.")
        yield file, PanelMetadata.from_dict(content)


def write_panel(panel: pd.DataFrame, path: str | Path) -> None:
    """Write a panel to Parquet, whole or not at all.

    Parameters
    ----------
    panel : DataFrame
        Table with panel metadata.
    path : str or Path
        File to write, its name ending in ``.parquet``.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the table has no panel metadata, or the name ends otherwise.

    Examples
    --------
    >>> from airq.sources.simulated import simulate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_panel(simulate(n_cities=2, start="2020-01-01", end="2020-01-03"), f"{folder}/p.parquet")
    ...     read_panel(f"{folder}/p.parquet").shape[0]
    6
    """
    check_parquet_name(path)
    write_table(panel, path, metadata={"airq": panel_metadata(panel).to_dict()})


@contextlib.contextmanager
def panel_writer(path: str | Path, metadata: PanelMetadata) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a panel to Parquet part by part, whole or not at all, so that it need not fit into memory.

    Yields ``write(part)``, which takes the next rows in the panel's order, each part with the same columns.
    A ValueError is raised if no part was written.
    """
    check_parquet_name(path)
    with table_writer(path, None) as write:
        yield lambda part: write(part, {"airq": panel_metadata(label_panel(part, metadata)).to_dict()})


@contextlib.contextmanager
def table_writer(path: str | Path, metadata: Mapping[str, object] | None) -> Iterator[Callable]:
    """Write a table to Parquet part by part, whole or not at all, with JSON metadata by key.

    Yields ``write(part, metadata)``, which takes the next rows, each part with the same columns; the metadata
    are those of the first part, by default those given here. The file does not depend on where parts end. A
    ValueError is raised if no part was written.
    """
    with atomic_write(path) as unfinished, contextlib.ExitStack() as stack:
        writer = held = None

        def write(part, metadata=metadata):
            nonlocal writer, held
            table = _arrow_table(part, metadata)
            if writer is None:
                writer, held = stack.enter_context(pq.ParquetWriter(unfinished, table.schema)), table[:0]
            held = pa.concat_tables([held, table])
            # One row more is awaited, so that the last group, written at the end, is never empty.
            if (whole := (len(held) - 1) // ROW_GROUP * ROW_GROUP) > 0:
                writer.write_table(held[:whole], row_group_size=ROW_GROUP)
                held = held[whole:]

        yield write
        if writer is None:
            raise ValueError(f"{path} would be a table without rows.")
        writer.write_table(held)


def write_table(frame: pd.DataFrame, path: str | Path, *, metadata: Mapping[str, object]) -> None:
    """Write a DataFrame to Parquet with JSON metadata by key, whole or not at all."""
    with table_writer(path, metadata) as write:
        write(frame)


def _arrow_table(frame, metadata):
    frame = frame.copy(deep=False)
    frame.attrs = {}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    added = {key.encode(): json.dumps(value, ensure_ascii=False).encode() for key, value in metadata.items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **added})


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path: str | Path, values: object) -> None:
    """Write values as JSON in UTF-8, whole or not at all; numbers that are not finite become null."""
    write_text(path, json.dumps(json_ready(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def json_ready(values: object) -> object:
    """Turn values into what JSON can hold: plain lists, dicts, strings and finite numbers.

    >>> json_ready({"rmse": float("nan"), "folds": (1, 2)})
    {'rmse': None, 'folds': [1, 2]}
    """
    if isinstance(values, dict):
        return {str(key): json_ready(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [json_ready(value) for value in values]
    if hasattr(values, "tolist"):
        return json_ready(values.tolist())
    if isinstance(values, float) and not math.isfinite(values):
        return None
    return values


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Write a file under a temporary name; rename it when the block ends without an error.

    Yields a temporary name on the same disk, with the same ending. The folder of `path` is made where it is
    missing. OSError is raised if it cannot be written or the disk is full; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    with _scratch_folder(path) as scratch:
        try:
            # A folder of its own rather than another name: writers go by the ending of the name.
            yield scratch / path.name
            os.replace(scratch / path.name, path)
        except OSError as error:
            if error.errno and error.filename is None:
                error.filename = str(path)
            raise


@contextlib.contextmanager
def atomic_folder(path: str | Path, *, marker: str) -> Iterator[Path]:
    """Fill a folder under a temporary name; rename it when the block ends without an error.

    Yields the temporary folder. An existing folder is replaced if it holds the file `marker`, which every
    folder of this kind has, or nothing; FileExistsError is raised if something else has the final name.
    """
    path = Path(path)
    check_replaceable(path, marker=marker)
    with _scratch_folder(path) as scratch:
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        yield new
        try:
            if path.exists():
                os.replace(path, old)
            os.replace(new, path)
        except BaseException:
            if old.exists() and not path.exists():
                os.replace(old, path)
            raise


@contextlib.contextmanager
def _scratch_folder(path):
    """Make a hidden folder beside `path`; remove it at the end, after an error also the parents it made."""
    new = []
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            new.insert(0, folder)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def check_parquet_name(path: str | Path) -> None:
    """Refuse a name that promises another kind of file than Parquet."""
    if Path(path).suffix.lower() not in (".parquet", ".pq"):
        raise ValueError(f"{path} would hold Parquet; give it a name that ends in .parquet.")


def check_replaceable(path: str | Path, *, marker: str, option: str = "--out") -> None:
    """Raise FileExistsError unless `path` is new, an empty folder, or a folder that holds `marker`.

    `option` is what the message calls it.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise FileExistsError(f"{path} exists and has no {marker}; choose another name for {option}.")


def check_writable(path: str | Path) -> None:
    """Refuse a file or folder that could not be written, before hours of work go into it.

    OSError is raised if the nearest folder that exists is not a folder or cannot be written.
    """
    if Path(path).is_dir() and Path(path).suffix:
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, so {path} cannot be written.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(error.errno, f"Cannot write to the folder: {error.strerror}", str(folder)) from None


def check_outputs(outputs: Mapping, inputs: Mapping, *, folders: Collection[str] = ()) -> None:
    """Refuse outputs that would overwrite each other or an input, or that cannot be written.

    Paths are compared after symbolic links are followed; hard links count as the same file. Nothing is
    created.

    Parameters
    ----------
    outputs, inputs : dict of str to path, list of paths, or None
        By name of the option or argument; None where it is not given.
    folders : collection of str
        Options of `outputs` that name a folder; the others name a file.

    Raises
    ------
    OSError
        If an output cannot be written.
    ValueError
        If an output is an existing folder where a file is meant, is another output or an input, lies inside
        another output or an input folder, or contains an input.

    Examples
    --------
    >>> check_outputs({"--out": "p.parquet"}, {"PANEL": "./p.parquet"})
    Traceback (most recent call last):
    ValueError: --out p.parquet is also the input PANEL; choose another name.
    """
    outputs, inputs = _pairs(outputs), _pairs(inputs)
    for option, path in outputs:
        if option not in folders and Path(path).is_dir():
            raise ValueError(f"{option} {path} is a folder; give the name of a file.")
    for (option, path), (other, second) in itertools.permutations(outputs, 2):
        if _same(path, second):
            raise ValueError(f"{option} and {other} are both {path}; give each a name of its own.")
        if _inside(path, second):
            raise ValueError(f"{option} {path} lies inside {other} {second}; choose another place.")
    for (option, path), (name, source) in itertools.product(outputs, inputs):
        if _same(path, source):
            raise ValueError(f"{option} {path} is also the input {name}; choose another name.")
        if _inside(path, source):
            raise ValueError(f"{option} {path} lies inside the input {name} {source}; choose another place.")
        if _inside(source, path):
            raise ValueError(f"{option} {path} contains the input {name} {source}; choose another place.")
    for option, path in outputs:
        # An existing folder may have a dot in its name, such as maps.zarr, which is no file's.
        folder = option in folders and Path(path).is_dir()
        check_writable(Path(path).absolute().parent / "any" if folder else path)


def _pairs(options):
    """List (option, path), one for each path of an option."""
    lists = {name: path if isinstance(path, (list, tuple)) else [path] for name, path in options.items()}
    return [(name, path) for name, paths in lists.items() for path in paths if path is not None]


def _same(path, other):
    path, other = Path(os.path.realpath(path)), Path(os.path.realpath(other))
    return path == other or (path.exists() and other.exists() and path.samefile(other))


def _inside(path, folder):
    return any(_same(parent, folder) for parent in Path(os.path.realpath(path)).parents)
