"""Whether the app can show what it is given: ``python -m app.source_check --predictions FILE …``.

A process of its own looks at headers and facts before the server starts, so that what this takes is gone
afterwards. It prints what is wrong and ends with 1.
"""

from __future__ import annotations

import sys

from app import sources
from app.text import words_of


def check(given):
    """Refuse files that no page could show; rows stay on disk.

    Parameters
    ----------
    given : app.sources.Sources
        What was named.

    Raises
    ------
    ValueError
        In the words of the page that would need the file, after the name of the option.
    """
    for kind, look in CHECKS.items():
        path = getattr(given, kind)
        if path is None:
            continue
        try:
            look(path)
        except (ValueError, OSError) as error:
            raise ValueError(f"--{kind}: {words_of(error)}") from None


# Each look brings what it needs: who names a bundle only does not wait for the tables of a comparison.
def _predictions(path):
    from app.tables import open_table

    open_table(path)


def _bundle(path):
    from airq.bundle_metadata import read_metadata

    read_metadata(path)


def _panel(path):
    from airq.io import open_panel_file
    from airq.panel import check_names

    with open_panel_file(path) as (file, _):
        check_names(file.schema_arrow.names)


def _comparison(path):
    from app.comparisons import open_comparison

    open_comparison(path)


def _evaluation(path):
    from app.evidence import read_evaluation

    read_evaluation(path)


def _surface(path):
    from app.surfaces import check_surface

    check_surface(path)


CHECKS = {
    "predictions": _predictions,
    "bundle": _bundle,
    "panel": _panel,
    "comparison": _comparison,
    "evaluation": _evaluation,
    "surface": _surface,
}


def main():
    """Check what the command line names."""
    try:
        check(sources.named())
    except ValueError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
