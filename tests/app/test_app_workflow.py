"""Starting the app."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE
from typer.testing import CliRunner

from airq import cli
from airq.workflows import app as workflow
from app import sources


def test_the_server_listens_here_only_and_reports_nothing():
    "The command binds to localhost, sends no usage statistics and asks for no address of e-mail."
    command = workflow.command({"bundle": Path("here")}, port=8600)
    flags = dict(zip(command, command[1:], strict=False))
    assert flags["--server.address"] == "localhost"
    assert flags["--browser.gatherUsageStats"] == "false"
    assert flags["--server.showEmailPrompt"] == "false"
    assert flags["--logger.hideWelcomeMessage"] == "true"
    assert flags["--bundle"] == str(Path("here").absolute())


def test_the_configuration_beside_the_script_says_the_same():
    "`streamlit run app/main.py` finds there what the command passes."
    import tomllib

    text = (Path(sources.__file__).parent / ".streamlit" / "config.toml").read_text("utf-8")
    told = tomllib.loads(text)
    assert told["server"]["address"] == workflow.OPTIONS["server.address"]
    assert told["browser"]["gatherUsageStats"] is False
    assert told["logger"]["hideWelcomeMessage"] is True
    assert told["server"]["maxUploadSize"] == int(workflow.OPTIONS["server.maxUploadSize"])


def test_a_file_that_is_not_there_is_named():
    "Before anything starts."
    with pytest.raises(FileNotFoundError, match="nowhere.parquet"):
        workflow.start_app(predictions="nowhere.parquet")


def test_a_wrong_file_starts_no_server(tmp_path, monkeypatch):
    "The command ends with 1 and one line before."
    monkeypatch.setattr(workflow, "run", None)
    ended = CliRunner().invoke(cli.app, ["app", "--panel", str(tmp_path)])
    assert ended.exit_code == 1
    assert ended.stderr.splitlines() == [
        f"Error: --panel: {tmp_path} is a folder; name the Parquet file in it."
    ]


def test_a_module_of_the_same_name_in_the_folder_is_another(trained, tmp_path, monkeypatch):
    "Somebody's own app.py does not run."
    (tmp_path / "app.py").write_text("raise SystemExit('another app')")
    monkeypatch.chdir(tmp_path)
    workflow.check_sound({"panel": trained / "panel.parquet"})


def test_a_port_that_is_taken_is_refused():
    "The message says what to do."
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="is taken"):
            workflow.check_port(port)
        assert workflow.free_port(port) != port


def test_what_is_named_counts_before_what_lies_around(tmp_path):
    "./demo is shown only if nothing was named; without it there is nothing."
    named = sources.Sources(panel=Path("p.parquet"))
    assert sources.found(named, folder=tmp_path) == named
    assert sources.found(sources.Sources(), folder=tmp_path) == sources.Sources()
    (tmp_path / "predictions.parquet").touch()
    found = sources.found(sources.Sources(), folder=tmp_path)
    assert found.predictions == tmp_path / "predictions.parquet"
    assert found.simulated


def test_an_unknown_argument_is_refused():
    "A typing error does not open something else."
    with pytest.raises(ValueError, match="--predicitons"):
        sources.named(["--predicitons", "x"])


def test_a_request_to_terminate_ends_the_server_too():
    "The server, here a process that sleeps, is gone when the command that started it has ended."
    server = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"]
    script = f"from airq.workflows.app import run; run({server!r})"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        number = int(starter.stdout.readline())
        starter.send_signal(signal.SIGTERM)
        assert starter.wait(timeout=PATIENCE) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_the_map_needs_nothing_that_learns():
    "What fits models and what draws files is loaded by the pages that ask for it: neither is at first."
    code = "import sys, app.main, app.views.map; print({'sklearn', 'altair', 'geopandas'} & set(sys.modules))"
    command = [sys.executable, "-P", "-c", code]
    result = subprocess.run(command, env=workflow.environment(), capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
