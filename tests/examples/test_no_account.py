"""README's road without an account: its eight commands against stand-ins of Open-Meteo and OpenAQ."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from http_servers import Air, AirServer, Limits
from patience import PATIENCE

from airq.cities import read_cities
from airq.io import read_panel
from airq.panel import KEYS, panel_metadata

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("## Your cities, real air, no account") :]
COMMANDS = re.search(r"^```\n(.*?)^```$", SECTION, flags=re.DOTALL | re.MULTILINE)[1].splitlines()
AIRQ = [sys.executable, "-c", "from airq.cli import main; main()"]


def typed(command, folder, url, environment):
    "Run a command of README in a folder; those that fetch are sent to the stand-ins."
    words = shlex.split(command)[1:]
    words += ["--url", url] if words[0] == "fetch" else []
    words += ["--json", "scores.json"] if words[0] == "evaluate" else []
    if words[0] == "app":
        return opened([*words, "--no-browser"], folder, environment)
    result = subprocess.run([*AIRQ, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stderr}"
    return result.stdout + result.stderr


def opened(words, folder, environment):
    "Start the app, read its first line, and stop it."
    settings = {"cwd": folder, "env": environment, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*AIRQ, *words], **settings) as app:
        line = app.stderr.readline()
        app.send_signal(signal.SIGINT)
        app.stderr.read()
        app.wait(PATIENCE)
    return line


def walked(folder, *, change=lambda command: command):
    "Type all eight commands; return what each printed, the cities, and the server."
    cities = change(COMMANDS[0])
    environment = {**os.environ, "OPENAQ_API_KEY": "k", "OMP_NUM_THREADS": "1"}
    printed = [typed(cities, folder, None, environment)]
    table = read_cities(folder / "cities.csv")
    with AirServer(Air(epoch="2022-12-01"), table, today="2024-06-30", limits=Limits().without()) as server:
        printed += [typed(change(command), folder, server.url, environment) for command in COMMANDS[1:]]
        return printed, table, server


def check(folder, table, server):
    "Inputs are those of the hours of each city's cell, by the days of its longitude."
    panel = read_panel(folder / "panel.parquet")
    assert panel_metadata(panel).pm25_origin == "simulated"
    features = read_panel(folder / "features" / "panel.parquet").set_index(KEYS)
    days = features.index.get_level_values("date")
    span = (days.min() - pd.Timedelta(days=1), days.max() + pd.Timedelta(hours=47))
    places, air = (table["latitude"].to_numpy(), table["longitude"].to_numpy()), server.air
    weather = air.hours(*places, *span, ["temperature_2m", "precipitation"], grid="era5", round_as={})
    fields = air.hours(*places, *span, ["pm2_5", "dust"], grid="cams_global", round_as={})
    hours = weather.join(fields).reset_index()
    ahead = pd.to_timedelta(np.round(places[1] / 15)[hours["place"]], unit="h")
    hours["date"] = (hours["time"] + ahead).dt.normalize()
    hours["site_id"] = table["city_id"].to_numpy()[hours["place"]]
    names = {"temperature_2m": "temp_air", "pm2_5": "cams_pm25", "dust": "dust"}
    names["precipitation"] = "precipitation"
    how = {name: "sum" if name == "precipitation" else "mean" for name in names}
    daily = hours.groupby(KEYS).agg(how).rename(columns=names).loc[features.index]
    npt.assert_allclose(features[[*names.values()]], daily, rtol=1e-4, atol=1e-4)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    assert set(predictions["city_id"]) == set(table["city_id"])


def smaller(command):
    "The same for four large cities and two weeks, and one baseline."
    command = command.replace("200000", "1500000").replace("2023-01-01", "2024-01-10")
    command = command.replace("2024-02-04", "2024-01-31")
    few = {"evaluate": " --baselines mean --fast", "train": " --fast"}
    return command + few.get(command.split()[1], "")


@pytest.mark.long
@pytest.mark.slow
def test_eight_commands(tmp_path):
    "Each ends well; the panel is what the stand-ins' hours make of it."
    assert [shlex.split(command)[1] for command in COMMANDS] == [
        *("cities", "fetch", "fetch", "join", "evaluate", "train", "predict", "app")
    ]
    printed, table, server = walked(tmp_path, change=smaller)
    check(tmp_path, table, server)
    assert "SIMULATED" in printed[1] and "SIMULATED" in printed[4] and "The app is at http" in printed[-1]


@pytest.mark.long
def test_forty_cities_and_four_hundred_days(tmp_path):
    "As README has it: held-out cities are predicted better than by the mean and the monitors of the day."
    printed, table, server = walked(tmp_path)
    assert len(table) == 40
    panel = read_panel(tmp_path / "features" / "panel.parquet")
    assert len(panel) == 40 * 400 and np.isfinite(panel["cams_pm25"]).all()
    check(tmp_path, table, server)
    scores = {one["model"]: one["rmse"] for one in json.loads((tmp_path / "scores.json").read_text())}
    assert scores["default"] < min(scores[name] for name in ("mean", "climatology", "cams", "nearest"))
