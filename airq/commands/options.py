"""What several commands share: options, checks of files, records."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airq.validation.schemes import SCHEMES, check_schemes

DayBasis = StrEnum("DayBasis", ["utc", "local"])
Model = StrEnum("Model", ["blend", "lightgbm", "catboost", "fast"])
RecipeName = StrEnum("RecipeName", ["retrospective", "live", "reference"])
#: Those that need no cities to predict.
OF_A_PANEL = ",".join(name for name, scheme in SCHEMES.items() if not scheme.for_cities)
ALL_CORES = os.cpu_count() or 1

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures as JSON records.")]
PanelFile = Annotated[Path, typer.Argument(help="Panel (Parquet), as `airq ingest` or `airq join` make it.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed: same input, seed and thread count, same predictions.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that fit side by side, one thread each.")]
CitiesFile = Annotated[Path, typer.Option("--cities", help="City table (CSV), as `airq cities` makes it.")]
Start = Annotated[str, typer.Option(help="First day, such as 2020-01-01.")]
End = Annotated[str, typer.Option(help="Last day.")]
Day = Annotated[DayBasis, typer.Option(help="Whose midnight ends a day: UTC, or the city's by longitude.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        envvar="DASK_SCHEDULER_ADDRESS",
        help="Dask scheduler whose workers compute in place of this machine, such as tcp://10.0.0.1:8786.",
    ),
]


def refuse_given(ctx, names, because):
    """Refuse options that were typed although they do not apply."""
    options = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
    for name in names:
        if ctx.get_parameter_source(name).name == "COMMANDLINE":
            raise typer.BadParameter(f"{options[name]} does not apply {because}; leave it out.")


def check_files(outputs, inputs, *, folders=None):
    """Check all outputs of a command before it begins, see :func:`airq.io.check_outputs`.

    `outputs` and `inputs` hold paths by option or argument. `folders` holds by option of an output folder the
    file that marks a folder of its kind, which may be replaced; None for a folder that is added to.
    """
    from airq.io import check_outputs, check_replaceable

    check_outputs(outputs, inputs, folders=folders or ())
    for name, marker in (folders or {}).items():
        if marker is not None and outputs[name] is not None:
            check_replaceable(outputs[name], marker=marker, option=name)


def write_records(path, records):
    """Write records as JSON where a file is named."""
    if path is not None:
        from airq.io import write_json

        write_json(path, records)


def split(text):
    """Return the parts of a list with commas; None where it is not given."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def split_schemes(text):
    """Return the schemes of a list with commas; refuse a name that is none."""
    names = split(text)
    try:
        check_schemes(names or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--scheme'") from None
    return names
