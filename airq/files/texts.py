"""Read a text file, TOML or JSON: whole, or refused in one line that names the file."""

from __future__ import annotations

import gzip
import json
import stat
import tomllib
import zlib
from pathlib import Path

#: Most bytes of text that a file may hold, inflated if it is compressed.
MOST_BYTES = 2_000_000_000
#: First bytes of files that people hand over under a wrong name -> what the file is, what to do.
SIGNATURES = {
    b"PAR1": "Parquet; give it a name that ends in .parquet",
    b"\x1f\x8b": "compressed with gzip; give it a name that ends in .gz",
    b"PK\x03\x04": "an Excel workbook or a zip archive; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save it as CSV",
    b"%PDF": "a PDF; save its table as CSV",
    b"\x89HDF": "HDF5 or NetCDF; save its table as CSV or Parquet",
    b"CDF\x01": "NetCDF; save its table as CSV or Parquet",
}


def read_toml(path):
    """Read a TOML file; see :func:`read_text`. A ValueError is raised if it is not TOML."""
    return _parsed(path, tomllib.loads, tomllib.TOMLDecodeError, "not TOML: {}.")


def read_json(path):
    """Read a JSON file; see :func:`read_text`. A ValueError is raised if it is cut off or not JSON."""
    hint = "not whole JSON: {0.msg} in line {0.lineno}. Was the download cut off?"
    return _parsed(path, json.loads, json.JSONDecodeError, hint)


def _parsed(path, parse, refusal, hint):
    text = read_text(path)
    try:
        return parse(text)
    except refusal as error:
        raise ValueError(f"{path} is {hint.format(error)}") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply.") from None
    except ValueError:
        # Python turns no more than 4,300 digits into a whole number.
        raise ValueError(f"{path} holds a number of too many digits.") from None


def read_text(path):
    """Read a text file in UTF-8, compressed with gzip if its name ends in ``.gz``.

    An OSError is raised if it cannot be opened or is no regular file, a ValueError if it is empty, cut
    off, not UTF-8, larger than :data:`MOST_BYTES`, or something else than its name says.
    """
    path = Path(path)
    check_file(path)
    with open(path, "rb") as file:
        start = file.read(4)
    kind = next((kind for first, kind in SIGNATURES.items() if start.startswith(first)), None)
    if kind is not None and path.suffix.lower() != ".gz":
        raise ValueError(f"{path} is {kind}.")
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8.") from None
    start = text[:100].strip().lower()
    if not (start or text.strip()):
        raise ValueError(f"{path} is empty.")
    if start.startswith(("<!doctype html", "<html")):
        raise ValueError(f"{path} is a web page, perhaps an error message; fetch the file again.")
    return text


def _read_bytes(path):
    """Read the bytes of a file, inflated if its name ends in ``.gz``, as long as they are not too many."""
    content = bytearray()
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
            while part := file.read(1 << 20):
                content += part
                if b"\0" in part:
                    raise ValueError(f"{path} is not UTF-8 text (it has zero bytes); save it as UTF-8.")
                if len(content) > MOST_BYTES:
                    raise ValueError(
                        f"{path} holds more than {MOST_BYTES / 1e9:g} GB of text, which is the most that is "
                        "read; split it, or save it as Parquet."
                    )
    except gzip.BadGzipFile:
        raise ValueError(f"{path} is not compressed with gzip, although its name says so.") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    except (EOFError, zlib.error):
        raise ValueError(f"{path} is cut off or damaged: its gzip data do not end. Fetch it again.") from None
    return content


def check_file(path):
    """Refuse what is no regular file, which might never end or never begin."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"No such file: {path}.") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder; name the files in it.")
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is a pipe, a device or a socket; save its content as a file first.")
