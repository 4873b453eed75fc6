"""The settings of a live folder: what they may say, how one is begun, and what its model must be.

A folder is kept up to date by :func:`airq.workflows.update.update`.
"""

from __future__ import annotations

import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import read_cities
from airq.features.recipe import POSITION
from airq.io import atomic_folder
from airq.messages import AirqWarning, near_name
from airq.panel import FIRST_DATE
from airq.regressor import load
from airq.sources.online.address import service_name
from airq.sources.online.open_meteo import MOST_AHEAD, SERVICE, OpenMeteoExtraction
from airq.sources.site_days import day_labels, today
from airq.workflows.extract import ExtractionRequest

SETTINGS, CITIES = "update.toml", "cities.csv"
SOURCES = ("open-meteo", "earthengine")
#: Days before the first prediction whose inputs its features may need. [d]
CONTEXT_DAYS = 30


@dataclass(frozen=True)
class Settings:
    """What a live folder does, as its `update.toml` says.

    Attributes
    ----------
    bundle : str
        Trained bundle; a path that is not absolute starts at the folder.
    start : str
        First day to predict, ISO.
    source : {"open-meteo", "earthengine"}
        Where inputs come from.
    recipe : str
        Set of products of the source.
    ahead : int
        Days ahead to predict, at most :data:`MOST_AHEAD`.
    day_basis : {"utc", "local"}
        Whose midnight ends a day, as the bundle has it.
    monitors : str, optional
        Panel of monitors: seen by predictions, and by what calibrates the intervals of forecasts.
    url, project, credentials : str, optional
        Address of the service; Cloud project of Earth Engine, and the file of a service account or
        `anonymous`, as for :class:`airq.EarthEngine`.
    """

    bundle: str
    start: str
    source: str = "open-meteo"
    recipe: str = "live"
    ahead: int = 0
    day_basis: str = "utc"
    monitors: str | None = None
    url: str | None = None
    project: str | None = None
    credentials: str | None = None

    def __post_init__(self):
        texts = [name for name in self.__dataclass_fields__ if name != "ahead"]
        for name in texts:
            value = getattr(self, name)
            if not isinstance(value, str | None) or (value is None and name in ("bundle", "start")):
                raise ValueError(f"{name} is {value!r}; it must be text in quotes.")
            object.__setattr__(self, name, value or None)
        object.__setattr__(self, "start", f"{day_labels(self.start, self.start)[0]:%Y-%m-%d}")
        if self.source not in SOURCES:
            raise ValueError(f"source is {self.source!r}; it must be one of {', '.join(SOURCES)}.")
        most = MOST_AHEAD if self.source == "open-meteo" else 0
        if type(self.ahead) is not int or not 0 <= self.ahead <= most:
            raise ValueError(f"ahead is {self.ahead!r}; {self.source} has forecasts for 0 to {most} days.")
        if self.ahead and self.recipe != "live":
            raise ValueError(f"recipe is {self.recipe!r}; days ahead need the recipe live.")
        self.extraction(None)

    def extraction(self, cities):
        """Return what the folder of inputs holds for a table of cities; its columns do not depend on them.

        ValueError says that there is no such recipe or address.
        """
        if self.source == "open-meteo":
            service = service_name(self.url, SERVICE)
            return OpenMeteoExtraction(self.recipe, day_basis=self.day_basis, service=service)
        request = ExtractionRequest(cities, self.start, self.start, self.recipe, day_basis=self.day_basis)
        return request.extraction(self.url)


def init(folder, cities, bundle, *, start=None, on_day=None, **settings) -> Settings:
    """Begin a live folder: check what it rests on and write its `update.toml` and `cities.csv`.

    Parameters
    ----------
    folder : str or Path
        New folder.
    cities : DataFrame, str or Path
        Cities to predict, see :func:`airq.cities.read_cities`.
    bundle : str or Path
        Bundle that was trained with the recipe ``live``.
    start : str, optional
        First day to predict; by default two weeks ago.
    on_day : datetime64[D], optional
        The date in UTC; by default today.
    **settings
        `source`, `recipe`, `ahead`, `monitors`, `url`, `project`, `credentials` of
        :class:`Settings`. Days are those of the
        bundle.

    Raises
    ------
    ValueError
        If a setting is wrong, or the bundle looks ahead.
    OSError
        If the folder exists, or a file cannot be read.
    """
    folder, table = Path(folder), read_cities(cities)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        already = (folder / SETTINGS).exists()
        what = (
            f"is a live folder already; run airq update {folder}"
            if already
            else "exists; choose another name"
        )
        raise FileExistsError(f"{folder} {what}.")
    on_day = np.datetime64(on_day or today(), "D")
    start = start or str(on_day - 14)
    if (
        not FIRST_DATE + pd.Timedelta(days=CONTEXT_DAYS)
        <= day_labels(start, start)[0]
        <= pd.Timestamp(on_day)
    ):
        raise ValueError(f"The start {start} is no day from {FIRST_DATE:%Y} on that has begun.")
    paths = {"bundle": bundle, "monitors": settings.pop("monitors", None)}
    paths = {name: str(Path(path).absolute()) for name, path in paths.items() if path is not None}
    model = load(paths["bundle"])
    settings = Settings(start=start, day_basis=model.metadata_["panel"]["day_basis"], **paths, **settings)
    check_model(folder, model, settings)
    with atomic_folder(folder, marker=SETTINGS) as unfinished:
        table.to_csv(unfinished / CITIES, index=False)
        (unfinished / SETTINGS).write_text(_toml(settings), encoding="utf-8")
    return settings


def read_settings(folder) -> Settings:
    """Read the `update.toml` of a live folder; ValueError says what is wrong in it."""
    path = Path(folder) / SETTINGS
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        hint = f"begin one with: airq update init {folder} --cities cities.csv --bundle bundle"
        raise FileNotFoundError(f"{folder} is no live folder: it has no {SETTINGS}; {hint}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    known = Settings.__dataclass_fields__
    for name in facts:
        if name not in known:
            raise ValueError(f"{path}: unknown setting {name!r}.{near_name(name, known)}")
    try:
        return Settings(**facts)
    except TypeError:
        raise ValueError(f"{path}: it must say bundle and start.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_model(folder, model, settings):
    """Refuse a model whose predictions rest on later days, or on what the source does not have."""
    if model.metadata_["looks_ahead"]:
        raise ValueError(
            f"{settings.bundle} looks at later days, which a live folder does not have yet; train one with: "
            "airq train panel.parquet --recipe live --out bundle"
        )
    if settings.day_basis != model.metadata_["panel"]["day_basis"]:
        raise ValueError(
            f"The days of the folder are {settings.day_basis}, those that {settings.bundle} was trained on "
            "are not; begin another folder for it."
        )
    extraction = settings.extraction(None)
    columns = {name for layer in extraction.layers for name in layer.columns} | {*POSITION, "population"}
    if lacking := sorted(set(model.metadata_["recipe_inputs"]) - columns - set(extraction.units)):
        raise ValueError(
            f"{settings.bundle} needs {', '.join(lacking[:3])}{' …' * (len(lacking) > 3)}, which "
            f"{settings.source} with recipe {settings.recipe} does not have."
        )
    if settings.monitors is not None:
        with warnings.catch_warnings():
            # Where they come from stands in the log of every run.
            warnings.simplefilter("ignore", AirqWarning)
            model.open_monitors(folder / settings.monitors)


def _toml(settings):
    """Return the settings as a small TOML file for people to read and change."""
    words = {
        "bundle": "trained with --recipe live",
        "start": "first day to predict",
        "source": "open-meteo | earthengine",
        "recipe": "set of products of the source",
        "ahead": f"days ahead to predict, 0 to {MOST_AHEAD}",
        "day_basis": "utc | local, as the bundle has it",
        "monitors": "panel of monitors, for predictions and for the intervals of forecasts",
        "url": "address of the service, where it is not its own",
        "project": "Cloud project of Earth Engine",
        "credentials": "file of a service account for Earth Engine",
    }
    lines = ["# Read by every run of `airq update`; paths that are not absolute start at this folder."]
    for name, comment in words.items():
        value = getattr(settings, name)
        text = "" if value is None else str(value) if isinstance(value, int) else _quoted(str(value))
        lines.append(f"{'# ' if value is None else ''}{name} = {text or _quoted('')}  # {comment}")
    return "\n".join(lines) + "\n"


def _quoted(text):
    """Return text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
