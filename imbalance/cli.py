"""The command `imbalance`."""

from __future__ import annotations

import math
from typing import Annotated

import typer

import airq

app = typer.Typer(
    name="imbalance",
    help="What to do when the class that matters is rare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(value: bool):
    if value:
        typer.echo(f"imbalance {airq.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    """What to do when the class that matters is rare."""


def _shares(text, name):
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{name} must be numbers separated by commas, not {text!r}") from None


@app.command(epilog="Example: imbalance mismatch --target .749,.171,.080 --trained .952,.035,.013")
def mismatch(
    target: Annotated[str, typer.Option(help="Shares of the classes in the population to predict for.")],
    trained: Annotated[
        str, typer.Option(help="Shares that the classifier was trained on, in the same order.")
    ],
):
    """Print how much log loss a wrong class prior costs at most: a guide, for exact posteriors."""
    from imbalance.priors import kl_divergence

    shares = _shares(target, "--target"), _shares(trained, "--trained")
    if len(shares[0]) != len(shares[1]):
        raise typer.BadParameter("--target and --trained must list the same classes")
    try:
        cost = kl_divergence(*shares)
    except ValueError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    if math.isinf(cost):
        typer.echo("Error: a class of the target was never trained on; no correction can help.", err=True)
        raise typer.Exit(1)
    typer.echo(
        f"KL(target, trained) = {cost:.3f} nats: at most so much log loss is lost to the prior (a guide)."
    )


def main():
    """Entry point of the console script."""
    app()
