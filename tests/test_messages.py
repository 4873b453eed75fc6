"""What every command shows alike: errors, warnings, interrupts."""

import warnings

import pytest
import typer

from airq.messages import AirqWarning
from airq.terminal import exit_cleanly, progress, show_warnings


def ended(error, capsys):
    """Lines on standard error of a command that raises `error` and exits with code 1."""

    @exit_cleanly
    def command():
        raise error

    with pytest.raises(typer.Exit) as left:
        command()
    assert left.value.exit_code == 1
    return capsys.readouterr().err.splitlines()


def with_cause(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("The panel has\n no rows."), "Error: The panel has no rows."),
        (OSError(28, "No space left on device", "p.parquet"), "Error: No space left on device: p.parquet"),
        (ModuleNotFoundError("No module named 'dask'"), "Error: No module named 'dask'"),
        (ImportError("libgomp.so.1: no such file"), "Error: libgomp.so.1: no such file"),
        (
            MemoryError("t.csv does not fit into it"),
            "Error: Not enough memory (t.csv does not fit into it); use fewer rows or columns, or fewer "
            "--jobs.",
        ),
        (MemoryError(), "Error: Not enough memory; use fewer rows or columns, or fewer --jobs."),
    ],
)
def test_what_a_user_can_mend_is_one_line(capsys, monkeypatch, error, line):
    "What is wrong, without a traceback."
    monkeypatch.delenv("AIRQ_DEBUG", raising=False)
    assert ended(error, capsys) == [line]


@pytest.mark.parametrize("error", [RuntimeError("boom"), RecursionError("boom"), KeyError("boom")])
def test_a_fault_of_airq_is_one_line_that_says_so(capsys, monkeypatch, error):
    "With its kind and text, and how to see more."
    monkeypatch.delenv("AIRQ_DEBUG", raising=False)
    (line,) = ended(error, capsys)
    assert line.startswith("Error: This is a fault of airq, please report it: ")
    assert type(error).__name__ in line and "boom" in line and "AIRQ_DEBUG=1" in line


def test_debugging_keeps_the_traceback(monkeypatch):
    "With AIRQ_DEBUG=1 an error stays what it is."
    monkeypatch.setenv("AIRQ_DEBUG", "1")

    @exit_cleanly
    def command():
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        command()


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), with_cause(ImportError("initialization failed"), KeyboardInterrupt())],
    ids=["Ctrl-C", "in an import"],
)
def test_an_interrupt_is_one_line(capsys, error):
    "Also while a compiled module is imported, which turns it into an ImportError."
    (line,) = ended(error, capsys)
    assert line.startswith("Interrupted;")


@pytest.mark.parametrize("error", [typer.Exit(3), typer.BadParameter("no"), typer.Abort()])
def test_typer_keeps_its_own_errors(error):
    "Exit codes and usage errors pass through."

    @exit_cleanly
    def command():
        raise error

    with pytest.raises(type(error)) as raised:
        command()
    assert raised.value is error


def test_a_command_shows_a_warning_of_airq_as_one_line(capsys):
    "On standard error, markup and line breaks as plain text; the command goes on and returns its result."

    @exit_cleanly
    def command():
        warnings.warn("Column [red]no2[/] is\nempty.", AirqWarning, stacklevel=1)
        return 7

    assert command() == 7
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "Warning: Column [red]no2[/] is empty.\n")


def test_other_warnings_stay_as_python_shows_them():
    "They reach whoever listens, and what was set before is set again."
    with pytest.warns(RuntimeWarning, match="theirs"):
        before = warnings.showwarning
        with show_warnings():
            warnings.warn("theirs", RuntimeWarning, stacklevel=1)
        assert warnings.showwarning is before


@pytest.mark.parametrize(
    ("seconds", "lines"), [(0, ["Fits: 1 of 1,200 fold [1]", "Fits: 2 of 1,200"]), (1e9, [])]
)
def test_progress_is_a_line_now_and_then_where_no_terminal_shows_a_bar(capsys, monkeypatch, seconds, lines):
    "One for every such time that went by, no empty line."
    monkeypatch.setattr("airq.terminal.SECONDS_BETWEEN_LINES", seconds)
    with progress("Fits") as advance:
        advance(1, 1200, "fold [1]")
        advance(2, 1200)
    assert capsys.readouterr().err.splitlines() == lines


def test_progress_without_a_name_begins_with_its_numbers(capsys, monkeypatch):
    "The stages of a demonstration name themselves."
    monkeypatch.setattr("airq.terminal.SECONDS_BETWEEN_LINES", 0)
    with progress("") as advance:
        advance(1, 3, "Simulating")
    assert capsys.readouterr().err == "1 of 3 Simulating\n"
