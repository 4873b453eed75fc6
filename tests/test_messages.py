"""What every command shows alike."""

import pytest
import typer

from airq.messages import exit_cleanly


def test_an_interrupted_import_is_an_interrupt(capsys):
    "A compiled module turns it into an ImportError: one line, exit code 1."

    @exit_cleanly
    def command():
        raise ImportError("initialization failed") from KeyboardInterrupt()

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith("Interrupted;")


def test_a_module_that_is_broken_is_no_interrupt():
    "Its error stays what it is."

    @exit_cleanly
    def command():
        raise ImportError("initialization failed")

    with pytest.raises(ImportError, match="initialization failed"):
        command()
