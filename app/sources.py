"""What the app opens: the files that were named, else an example that was chosen, else those of ./demo.

``python -m app.sources --predictions FILE …`` tells whether the app can show what it is given: a process of
its own looks at headers and facts before the server starts, so that what this takes is gone afterwards. It
writes what is wrong and ends with 1.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from airq.workflows.app import EXAMPLES, check_basemap, check_example
from app import cube
from app.text import words_of

#: What a page may need, and how to give it.
KINDS = {
    "predictions": "a file of predictions: `airq app --predictions predictions.parquet`",
    "bundle": "a trained bundle: `airq app --bundle bundle`",
    "panel": "a panel: `airq app --panel panel.parquet`",
    "comparison": "a folder of a comparison: `airq app --comparison comparison`",
    "evaluation": "an evaluation: `airq app --evaluation evaluation.json`",
    "surface": "predictions on a grid: `airq app --surface map.tif`",
}
DEMO_NAMES = {
    "predictions": "predictions.parquet",
    "bundle": "bundle",
    "panel": "panel.parquet",
    "comparison": "comparison",
    "evaluation": "evaluation.json",
}
DEMO = "demo"


@dataclass(frozen=True)
class Sources:
    """Paths of what the app shows; None for what was not given.

    Attributes
    ----------
    predictions, bundle, panel, comparison, evaluation, surface : Path or None
        See :data:`KINDS`.
    simulated : bool
        Whether this is the demonstration.
    example : str or None
        A key of :data:`airq.workflows.app.EXAMPLES`, where one is asked for or open.
    """

    predictions: Path | None = None
    bundle: Path | None = None
    panel: Path | None = None
    comparison: Path | None = None
    evaluation: Path | None = None
    surface: Path | None = None
    simulated: bool = False
    example: str | None = None


def named(arguments=None):
    """Return the paths that the command line names, after ``--`` of `streamlit run`.

    ValueError if an argument is unknown, or files are named beside an example.

    >>> named(["--bundle", "here"]).bundle.name
    'here'
    """
    return _parsed(tuple(sys.argv[1:] if arguments is None else arguments))[0]


def basemap(arguments=None):
    """Return the server of tiles that the command line names and whom to thank for them, or None.

    >>> basemap(["--basemap", "https://tiles.example.org/{z}/{x}/{y}.png"])["credit"]
    'Tiles: tiles.example.org'
    """
    return _parsed(tuple(sys.argv[1:] if arguments is None else arguments))[1]


@functools.lru_cache(maxsize=8)
def _parsed(arguments):
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path)
    parser.add_argument("--example", choices=tuple(EXAMPLES))
    parser.add_argument("--basemap")
    parser.add_argument("--basemap-credit")
    try:
        found, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(f"The app does not understand its arguments: {error}.") from None
    if unknown:
        raise ValueError(
            f"The app does not know the argument {unknown[0]!r}; it takes --{', --'.join(KINDS)}, --example, "
            "--basemap, --basemap-credit."
        )
    check_example(found.example, [kind for kind in KINDS if getattr(found, kind) is not None])
    url, credit = check_basemap(found.basemap, found.basemap_credit)
    tiles = url and {"url": url, "credit": credit or f"Tiles: {urlsplit(url).netloc}"}
    return Sources(**{name: getattr(found, name) for name in (*KINDS, "example")}), tiles


def found(given, *, folder=DEMO):
    """Return what was named, or what a demonstration left in a folder, or nothing."""
    if given != Sources():
        return given
    return in_folder(folder)


def in_folder(folder):
    """Return the files of a demonstration in a folder that exist."""
    paths = {kind: Path(folder) / name for kind, name in DEMO_NAMES.items()}
    kept = {kind: path for kind, path in paths.items() if path.exists()}
    if "predictions" not in kept:
        return Sources()
    return replace(Sources(**kept), simulated=True, example="demonstration")


def south_africa():
    """Return the published predictions that ship with the package."""
    # A wheel is unpacked where it is installed, so the resource is a file.
    path = Path(str(files("airq._data").joinpath("south_africa.parquet")))
    return Sources(predictions=path, example="south-africa")


def demonstration_folder():
    """Return the folder of the demonstration that the app makes itself."""
    root = cube.cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        root = Path(tempfile.gettempdir())
    if not os.access(root, os.W_OK):
        root = Path(tempfile.gettempdir())
    return root / "demonstration"


def check(given):
    """Refuse files that no page could show; rows stay on disk.

    ValueError in the words of the page that would need the file, after the name of the option.
    """
    for kind, (module, look) in CHECKS.items():
        path = getattr(given, kind)
        if path is None:
            continue
        try:
            getattr(importlib.import_module(module), look)(path)
        except (ValueError, OSError) as error:
            raise ValueError(f"--{kind}: {words_of(error)}") from None


#: What looks at a file of each kind, in modules that are loaded only for such a file.
CHECKS = {
    "predictions": ("app.cube", "open_table"),
    "bundle": ("airq.bundle_metadata", "read_metadata"),
    "panel": ("app.evidence", "check_panel"),
    "comparison": ("app.comparisons", "open_comparison"),
    "evaluation": ("app.evidence", "read_evaluation"),
    "surface": ("app.surfaces", "check_surface"),
}


def main():
    """Check what the command line names."""
    try:
        check(named())
    except ValueError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
