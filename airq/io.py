"""Files that are either whole or absent."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airq.panel import PanelMetadata, label_panel, panel_metadata


def read_panel(path):
    """Read a panel from Parquet, with its metadata.

    Parameters
    ----------
    path : str or Path
        File that :func:`write_panel` made.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or is not a panel.
    """
    with open_panel_file(path) as (file, metadata):
        table = file.read()
    panel = table.replace_schema_metadata({k: v for k, v in table.schema.metadata.items() if k == b"pandas"})
    panel = panel.to_pandas()
    panel.attrs = {"airq": metadata.to_dict()}
    return panel


@contextlib.contextmanager
def open_panel_file(path):
    """Open the Parquet file of a panel, to be read in parts; its rows stay on disk.

    Parameters
    ----------
    path : str or Path
        File that :func:`write_panel` made.

    Yields
    ------
    file : pyarrow.parquet.ParquetFile
        The open file.
    metadata : PanelMetadata
        What it tells of itself.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not Parquet, is cut off, or is not a panel.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the Parquet file in it.")
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"No such file: {path}.") from None
    except pa.ArrowException as error:
        raise ValueError(
            f"{path} is not a whole Parquet file ({_first_line(error)}).{_table_hint(path)}"
        ) from None
    with file:
        yield file, _told_by(file, path)


def _told_by(file, path):
    told = (file.schema_arrow.metadata or {}).get(b"airq")
    if told is None:
        raise ValueError(f"{path} is Parquet, but not a panel: it has no airq metadata.{_table_hint(path)}")
    try:
        facts = json.loads(told)
    except ValueError:
        raise ValueError(f"The airq metadata of {path} are damaged; make the panel again.") from None
    # Predictions and scores carry metadata, too.
    if isinstance(facts, dict) and "pm25_origin" not in facts:
        raise ValueError(f"{path} is another table of airq, not a panel: it does not tell `pm25_origin`.")
    return PanelMetadata.from_dict(facts)


def write_panel(panel, path):
    """Write a panel to Parquet, whole or not at all.

    Parameters
    ----------
    panel : DataFrame
        Table with panel metadata.
    path : str or Path
        File to write.
    """
    check_parquet_name(path)
    write_table(panel, path, metadata={"airq": panel_metadata(panel).to_dict()})


def check_parquet_name(path):
    """Refuse a name that promises another kind of file than Parquet."""
    if Path(path).suffix not in (".parquet", ".pq"):
        raise ValueError(f"{path} would hold Parquet; give it a name that ends in .parquet.")


def write_table(frame, path, *, metadata):
    """Write a DataFrame to Parquet with JSON metadata by key, whole or not at all."""
    with atomic_write(path) as unfinished:
        pq.write_table(_arrow_table(frame, metadata), unfinished)


@contextlib.contextmanager
def panel_writer(path, metadata):
    """Write a panel part by part, whole or not at all, so that it need not fit into memory.

    Parameters
    ----------
    path : str or Path
        Parquet file to write.
    metadata : PanelMetadata
        Facts of the panel.

    Yields
    ------
    callable
        ``write(part)`` takes the next rows, in the panel's order, each part with the same columns.

    Raises
    ------
    ValueError
        If no part was written.
    """
    check_parquet_name(path)
    with atomic_write(path) as unfinished, contextlib.ExitStack() as stack:
        writer = None

        def write(part):
            nonlocal writer
            facts = panel_metadata(label_panel(part, metadata)).to_dict()
            table = _arrow_table(part, {"airq": facts})
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(unfinished, table.schema))
            writer.write_table(table)

        yield write
        if writer is None:
            raise ValueError(f"{path} would be a panel without rows.")


def _arrow_table(frame, metadata):
    frame = frame.copy(deep=False)
    frame.attrs = {}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    facts = {key.encode(): json.dumps(value, ensure_ascii=False).encode() for key, value in metadata.items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **facts})


def _table_hint(path):
    return f" For a table of your own: airq ingest {path} --format table --mapping M.toml --out panel.parquet"


def _first_line(error):
    return str(error).splitlines()[0].split(". ")[0][:120]


@contextlib.contextmanager
def atomic_write(path):
    """Path to write to; it takes its final name only when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Final name. Its folder is made where it is missing.

    Yields
    ------
    Path
        A temporary name in the same folder, with the same ending.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    made = _make_folder(path.parent)
    # Its own folder rather than its own name: writers then see the ending that they go by.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield scratch / path.name
        os.replace(scratch / path.name, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def atomic_folder(path, *, marker):
    """Folder to fill; it takes its final name only when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Final name. A folder that stands there is replaced if it holds `marker` or nothing.
    marker : str
        Name of a file by which a folder of this kind is known.

    Yields
    ------
    Path
        A temporary folder beside it.

    Raises
    ------
    FileExistsError
        If something else stands under the final name.
    """
    path = Path(path)
    check_replaceable(path, marker=marker)
    made = _make_folder(path.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        new = scratch / "new"
        new.mkdir()
        yield new
        if path.exists():
            os.replace(path, scratch / "old")
        os.replace(new, path)
    except BaseException:
        if (scratch / "old").exists() and not path.exists():
            os.replace(scratch / "old", path)
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def check_replaceable(path, *, marker):
    """Refuse the name of an output folder under which something else stands.

    Raises
    ------
    FileExistsError
        If it is neither new, nor empty, nor a folder that holds `marker`.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise FileExistsError(f"{path} exists and has no {marker}; choose another name for --out.")


def check_writable(path):
    """Refuse an output name that could not be written, before hours of work go into it.

    Parameters
    ----------
    path : str or Path
        Final name of a file or folder.

    Raises
    ------
    OSError
        If the nearest folder that exists is not a folder or cannot be written.
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


def _make_folder(folder):
    """Make a folder and its parents; return those that were new, deepest first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
    return missing


def _remove_empty(folders):
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def write_text(path, text):
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path, facts):
    """Write facts as JSON in UTF-8, whole or not at all; numbers that are not finite become null."""
    write_text(path, json.dumps(json_ready(facts), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def json_ready(facts):
    """Facts as JSON can hold them: plain lists, dicts, strings and finite numbers.

    >>> json_ready({"rmse": float("nan"), "folds": (1, 2)})
    {'rmse': None, 'folds': [1, 2]}
    """
    if isinstance(facts, dict):
        return {str(key): json_ready(value) for key, value in facts.items()}
    if isinstance(facts, (list, tuple)):
        return [json_ready(value) for value in facts]
    if hasattr(facts, "tolist"):
        return json_ready(facts.tolist())
    if isinstance(facts, float) and not math.isfinite(facts):
        return None
    return facts
