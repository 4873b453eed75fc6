"""The folder of a comparison for rare classes, as `imbalance` writes it: what it is, its tables, its words.

Only files with known names are read. The heavy parts of `imbalance` stay out of the server's memory.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from airq.panel import ORIGINS
from app.downloads import CSV_ENCODING
from app.text import for_csv
from imbalance.datasets.published import TARGET_PRIOR, TRAINING_ROWS, recipe_table

#: What a folder may be -> the files by which it is known, and the command that writes it.
KINDS = {
    "suite": (("sets.csv", "table.json"), "imbalance compare --suite"),
    "reproduction": (("published.csv", "table.json", "settings.json"), "imbalance reproduce"),
    "hazards": (("methods.csv", "curve.csv", "settings.json"), "imbalance hazard"),
    "comparison": (("differences.csv", "table.json", "settings.json"), "imbalance compare"),
}
#: Tables beside the main one -> columns that they must have.
TABLES = {
    "comparison": {
        "differences": ("model", "strategy", "other", "difference", "joint_low", "joint_high"),
        "reliability": ("strategy", "model", "class", "bin", "predicted", "observed", "rows"),
        "sweep": ("strategy", "model", "share", "log_loss", "follows"),
    },
    "suite": {"sets": ("set", "family", "strategy", "model", "vs_none", "ci_low", "ci_high")},
    "reproduction": {"published": ("recipe", "published", "mismatch")},
    "hazards": {
        "methods": ("method", "average_precision"),
        "curve": ("method", "recall", "false_alarm_rate"),
    },
}
NEEDED = {
    "comparison": ("strategy", "model", "log_loss", "log_loss_sd", "vs_none", "ci_low", "ci_high", "wins"),
    "suite": ("strategy", "model", "families", "sets", "vs_none", "low", "high"),
    "reproduction": ("table", "strategy", "model", "log_loss", "vs_none", "ci_low", "ci_high", "wins"),
    "hazards": ("method", "rule", "recall", "false_alarm_rate"),
}
WORDS = (
    "strategy",
    "other",
    "model",
    "other_model",
    "class",
    "set",
    "family",
    "method",
    "rule",
    "recipe",
    "table",
)
#: Pictures of a folder that has no numbers for them -> what each shows.
PICTURES = {
    "reliability.png": "Predicted and observed share of the rarest class, for each strategy",
    "sweep.png": "Log loss where the rarest class has another share, for each strategy",
}
UNITS = "log loss and its differences in nats; seconds in s"
PUBLISHED_WORDS = (
    "Published by its author: log loss in nats on a private validation set of a competition "
    f"({sum(TRAINING_ROWS.values()):,} training rows; the rows are not public). Validation shares: "
    + ", ".join(f"{name} {share:g}" for name, share in TARGET_PRIOR.items())
    + ". Mismatch: how far the class shares that a recipe trains on are from these (0 = none); by which "
    "weights, is not told."
)


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes
    ----------
    kind : str
        A key of :data:`KINDS`.
    title : str
        What it is called; text from data.
    table : DataFrame
        A row per strategy and model (for hazards per method and rule).
    tables : dict of str to DataFrame
        Further tables by name, see :data:`TABLES`; those that the folder lacks are left out.
    scores : DataFrame or None
        Figures of every fold or seed.
    settings : dict
        Folds, shares and classes; empty for a suite of an older version.
    findings, notes : tuple of str
        Sentences of the folder itself; text from data.
    caption : str
        What the figures are, in the folder's own words.
    pictures : dict of str to bytes
        Pictures that stand for tables the folder lacks, by name.
    sets : tuple of str
        Names of the folders of single sets within a suite.
    """

    kind: str
    title: str
    table: pd.DataFrame
    tables: dict = field(default_factory=dict)
    scores: pd.DataFrame | None = None
    settings: dict = field(default_factory=dict)
    findings: tuple = ()
    notes: tuple = ()
    caption: str = ""
    pictures: dict = field(default_factory=dict)
    sets: tuple = ()

    @property
    def warnings(self):
        """What must be known before the figures are read: that rows are simulated, or not measured."""
        told = self.settings.get("warnings")
        told = told if isinstance(told, list) else []
        known = {origin.warning for origin in ORIGINS.values()} - {""}
        return (*map(str, told), *(note for note in self.notes if note in known))


def kind_of(folder):
    """Tell which comparison a folder holds, known by its files.

    OSError if it is no folder; ValueError if it holds none, or one that is not finished.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder; name the folder that --out of imbalance named.")
    for kind, (files, _) in KINDS.items():
        if all((folder / name).is_file() for name in files):
            return kind
    if (folder / "parts").is_dir() or (folder / "seeds").is_dir():
        raise ValueError(f"{folder} holds a comparison that is not finished; run its command again to go on.")
    commands = ", ".join(f"`{command}`" for _, command in KINDS.values())
    raise ValueError(f"{folder} holds no comparison; one is written by {commands}.")


def open_comparison(folder):
    """Read the folder of a comparison, a suite, a reproduction or a comparison on hazardous days.

    OSError or ValueError if it is none of them, or a file of it is damaged; the line names the file.
    """
    folder = Path(folder)
    kind = kind_of(folder)
    settings = _read_json(folder / ("suite.json" if kind == "suite" else "settings.json"))
    tables = {
        name: _read_csv(folder / f"{name}.csv", columns)
        for name, columns in TABLES[kind].items()
        if (folder / f"{name}.csv").is_file()
    }
    said, notes = _sentences(folder, settings)
    path = folder / "table.md"
    report = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return Found(
        kind=kind,
        title=str(settings.get("title") or _heading(report) or folder.resolve().name),
        table=_records(folder / "table.json", NEEDED[kind]),
        tables=tables,
        scores=_scores(folder / "scores.parquet"),
        settings=settings,
        findings=said,
        notes=notes,
        caption=_caption(report, said),
        pictures={
            name: (folder / name).read_bytes()
            for name in PICTURES
            if kind == "comparison" and Path(name).stem not in tables and (folder / name).is_file()
        },
        sets=_single_sets(folder) if kind == "suite" else (),
    )


def open_set(folder, name):
    """Open one set of a suite, by a name that :attr:`Found.sets` lists; ValueError for others."""
    if name not in _single_sets(Path(folder)):
        raise ValueError(f"The suite has no set {str(name)[:60]!r}.")
    return open_comparison(Path(folder) / name)


def _single_sets(folder):
    """Return folders that are there; names written in tables do not count."""
    return tuple(sorted(one.parent.name for one in folder.glob("*/differences.csv")))


def _sentences(folder, settings):
    path = folder / "findings.json"
    held = _read_json(path) if path.is_file() else settings
    if isinstance(held, list):
        return tuple(map(str, held)), ()
    notes = held.get("notes", ())
    notes = notes if isinstance(notes, list) else ()
    return tuple(map(str, held.get("findings", ()))), tuple(map(str, notes))


def _heading(report):
    first = report.partition("\n")[0]
    return first.removeprefix("# ") if first.startswith("# ") else ""


def _caption(report, findings):
    """Return the paragraph of a report that is no heading, table, list, line above a table or finding."""
    parts = [part.strip() for part in report.split("\n\n")]
    plain = (part for part in parts if part and part[0] not in "#|-*" and len(part) > 120)
    return next((part for part in plain if part not in findings), "")


def _read_json(path):
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{path} is damaged: it is not whole JSON.") from None


def _records(path, columns):
    records = _read_json(path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError(f"{path} is damaged: it is no table.")
    return _checked(pd.DataFrame(records), path, columns)


def _read_csv(path, columns):
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(WORDS, "str"))
    except (ValueError, pd.errors.ParserError):
        raise ValueError(f"{path} is damaged: it is no table.") from None
    return _checked(table, path, columns)


def _checked(table, path, columns):
    missing = [name for name in columns if name not in table]
    if missing or table.empty:
        wrong = f"has no column {missing[0]!r}" if missing else "has no rows"
        raise ValueError(f"{path} {wrong}; write the comparison again.")
    numbers = [name for name in columns if name not in (*WORDS, "follows", "rule")]
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(table[name])]
    # A figure that is missing everywhere, such as a spread over one family, has no type of its own.
    wrong = [name for name in wrong if table[name].notna().any()]
    if wrong:
        raise ValueError(f"{path}: column {wrong[0]!r} must hold numbers; write the comparison again.")
    return table.astype(dict.fromkeys(numbers, "float64"))


def _scores(path):
    if not path.is_file():
        return None
    try:
        return pd.read_parquet(path)
    except ValueError:
        raise ValueError(f"{path} is damaged: it is not a whole Parquet file.") from None


def published_table(found=None):
    """Return the published log losses, what explains them, and a comparison of other rows beside them.

    Columns: `recipe`, published log loss and its difference to none [nats], `mismatch` [nats]; of a
    comparison or a suite `found`, its differences to none, of its first model with raw probabilities.
    """
    table = recipe_table()
    none = table.set_index("rows")["published"]["as they are"]
    table["published, minus none"] = table["published"] - none
    shown = table[["recipe", "published", "published, minus none", "mismatch"]]
    if found is None or found.kind not in ("comparison", "suite"):
        return shown
    ours = found.table.drop_duplicates("strategy").set_index("strategy")["vs_none"]
    return shown.assign(**{"here, minus none (other rows)": table["rows"].map(ours)})


def as_csv(table):
    """Return a table as CSV bytes for spreadsheets and programs, its units in a column, no cell a formula.

    >>> as_csv(pd.DataFrame({"strategy": ["=cmd()"], "log_loss": [-0.5]})).decode("utf-8-sig").splitlines()[1]
    "'=cmd(),-0.5,log loss and its differences in nats; seconds in s"
    """
    table = table.assign(unit=UNITS)
    for name in table.select_dtypes(["object", "str"]):
        table[name] = table[name].map(for_csv)
    # With this end of a line, cells that hold a part of it are quoted.
    text = table.rename(columns=for_csv).to_csv(index=False, lineterminator="\r\n")
    return text.encode(CSV_ENCODING)


def _neutral(text):
    """Guard the cells of a CSV text, headings too, so that no spreadsheet takes one for a formula."""
    out = io.StringIO()
    lines = io.StringIO(text.replace("\r\n", "\n").replace("\r", " "))
    csv.writer(out, lineterminator="\n").writerows(map(for_csv, row) for row in csv.reader(lines))
    return out.getvalue()


def archive(folder):
    """Return the files of a comparison as a ZIP, its CSV cells neutralised; folders in it are left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as files:
        for path in sorted(path for path in Path(folder).iterdir() if path.is_file()):
            content = path.read_bytes()
            if path.suffix == ".csv":
                content = _neutral(content.decode("utf-8")).encode()
            files.writestr(path.name, content)
    return out.getvalue()
