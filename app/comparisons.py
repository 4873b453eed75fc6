"""The folder of a comparison for rare classes, as `imbalance` writes it: its tables, words and charts.

Only files with known names are read. The heavy parts of `imbalance` stay out of the server's memory.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from airq.panel import ORIGINS
from app import style
from app.charts import vega
from app.downloads import CSV_ENCODING
from app.style import for_csv, shown
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
WORDS = ("strategy", "other", "model", "other_model", "class", "set", "family", "method", "rule", "recipe")
WORDS = (*WORDS, "table")
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
#: Told apart by all kinds of colour vision (Okabe & Ito 2008), lighter on a dark page.
PALETTE = {
    "light": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    "dark": ("#56B4E9", "#ff8c42", "#2fbf8f", "#e3a1c6", "#f0c04a", "#9ec7e8"),
}
#: Dashes of lines that stay as trained. [px]
BROKEN = ([2, 3], [7, 4], [8, 3, 2, 3], [12, 4])
NONE = "as they are"
#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Classes at most that are drawn one by one.
MOST_CLASSES = 6
#: Marks of the axis of shares.
TICKS = (0.01, 0.1, 0.5, 0.9, 0.99)


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
            if path.suffix.lower() == ".csv":
                content = _neutral(content.decode("utf-8")).encode()
            files.writestr(path.name, content)
    return out.getvalue()


def names(table):
    """Name every row: the strategy, with the model where there are several."""
    several = table["model"].nunique() > 1
    return [
        shown(f"{row.strategy}, {row.model}" if several else row.strategy, limit=32)
        for row in table[["strategy", "model"]].itertuples()
    ]


def differences(table, *, dark=False):
    """Draw the paired difference to none of every strategy with its 95 % interval. [nats]

    `table` holds `strategy, model, vs_none, ci_low, ci_high`.
    """
    heading = "log loss minus that of none, same folds [nats]"
    return _intervals(table[table["strategy"] != NONE], "vs_none", "ci_low", "ci_high", heading, dark, at=0)


def losses(table, *, dark=False):
    """Draw the mean log loss of every strategy with its standard deviation over folds. [nats]

    `table` holds `strategy, model, log_loss, log_loss_sd`.
    """
    middle, spread = table["log_loss"], table["log_loss_sd"]
    table = table.assign(low=middle - spread, high=middle + spread)
    return _intervals(table, "log_loss", "low", "high", "log loss on the target population [nats]", dark)


def family_means(table, *, dark=False):
    """Draw the mean difference to none over families of sets, with its 95 % interval. [nats]

    `table` holds `strategy, model, vs_none, low, high`.
    """
    heading = "log loss minus that of none, mean over families [nats]"
    return _intervals(table[table["strategy"] != NONE], "vs_none", "low", "high", heading, dark, at=0)


def _intervals(table, column, low, high, heading, dark, *, at=None):
    """Draw a dot a row with its interval, coloured by model; a line at `at` where it is given."""
    columns = {"value": table[column], "low": table[low], "high": table[high]}
    rows = pd.DataFrame({"name": names(table), "model": table["model"].map(shown), **columns})
    ends = (("value", "Value", ".4f"), ("low", "Low", ".4f"), ("high", "High", ".4f"))
    colours = dict(
        zip(rows["model"].unique(), itertools.cycle(PALETTE["dark" if dark else "light"]), strict=False)
    )
    told, what = vega.told(("name", "Strategy"), *ends), f"By strategy: {heading}"
    look = {"tooltip": told, "what": what, "dark": dark, "at": at, "zero": False}
    return vega.intervals(rows, heading, by="model", colours=colours, **look)


def set_differences(sets, *, dark=False):
    """Draw the difference to none of every strategy on every set of a suite, as a map of cells. [nats]

    `sets` holds `set, strategy, model, vs_none, ci_low, ci_high` of one model; bold where the interval leaves
    zero out.
    """
    sets = sets[sets["strategy"] != NONE]
    sets = sets.assign(
        mean=sets.groupby("strategy")["vs_none"].transform("mean"),
        clear=(sets["ci_high"] < 0) | (sets["ci_low"] > 0),
    ).sort_values("mean", kind="stable")
    cells = pd.DataFrame({"set": [shown(one, limit=18) for one in sets["set"]], "name": names(sets)})
    cells = cells.assign(value=sets["vs_none"].to_numpy(), clear=sets["clear"].to_numpy())
    most = max(float(sets["vs_none"].abs().max()), 1e-9)
    scale = {"scheme": "redblue", "reverse": True, "domain": [-most, most]}
    ink = {"value": "black", "condition": {"test": f"abs(datum.value) > {0.6 * most}", "value": "white"}}
    figure = {"text": {"field": "value", "format": "+.2f"}, "color": ink}
    layers = [
        vega.layer("rect", {"color": vega.number_at("value", scale=scale, legend=None)}),
        vega.layer("text", figure, where="datum.clear == true", fontWeight="bold"),
        vega.layer("text", figure, where="datum.clear == false", fontWeight="normal"),
    ]
    heads = {"title": None, "orient": "top", "ticks": False, "labelLimit": 120}
    told = (("name", "Strategy"), ("set", "Set"), ("value", "Against none [nats]", "+.4f"))
    encoding = {
        "x": vega.name_at("set", sort=None, axis=heads),
        "y": vega.name_at("name", **vega.NAMES),
        "tooltip": vega.told(*told),
    }
    look = {"height": {"step": 34}, "encoding": encoding, "dark": dark, "data": cells}
    return vega.chart("Log loss minus that of none by strategy and set, in nats", layers, **look)


def class_shares(settings, scores, *, dark=False):
    """Draw the class shares of the target, of the training rows, and those that each strategy predicts for.

    `settings` holds `classes, target_prior, training_prior`, `scores` holds `strategy` and `prior_CLASS`, a
    row a fold. Classes beyond the six largest of the training rows are one piece.
    """
    classes = [str(name) for name in settings["classes"]]
    seen = scores.groupby("strategy", sort=False)[[f"prior_{name}" for name in classes]].mean()
    priors = [list(settings[f"{of}_prior"].values()) for of in ("target", "training")]
    shares = pd.DataFrame([*priors, *seen.to_numpy().tolist()], columns=classes, dtype="float64")
    shares.index = ["target", "training rows", *(shown(name, limit=32) for name in seen.index)]
    shares = shares.div(shares.sum(axis=1), axis=0)
    largest = shares.iloc[1].sort_values(ascending=False, kind="stable").index
    pieces = shares[[name for name in classes if name in largest[:MOST_CLASSES]]]
    # Names that are cut may be the same.
    pieces = pieces.rename(columns=lambda name: shown(name, limit=24)).T.groupby(level=0, sort=False).sum().T
    colours = [*PALETTE["dark" if dark else "light"][: pieces.shape[1]], style.tones(dark)["soft"]]
    if len(others := largest[MOST_CLASSES:]):
        pieces = pieces.assign(**{f"{len(others)} more": shares[others].sum(axis=1)})
    what = "Class shares of the target, of the training rows, and of each strategy"
    return vega.shares(
        pieces, colours[: pieces.shape[1]], what, "share of the class", dark=dark, figures=True
    )


def reliability(bins, chosen, *, label, dark=False):
    """Draw the share that came true against the probability told, for one class on the target population.

    `bins` holds `strategy, model, class, bin, predicted, observed, rows`; `chosen` are the (strategy, model)
    to draw. Bins of fewer than ten test rows are hollow.
    """
    own, tone = _chosen(bins[bins["class"] == label].sort_values("bin"), chosen), style.tones(dark)
    scale, name = {"domain": [-0.02, 1.02], "nice": False}, shown(label, limit=24)
    axes = {
        "x": vega.number_at("predicted", scale=scale, title=f"probability of {name} told"),
        "y": vega.number_at("observed", scale=scale, title="share that came true"),
    }
    shares = (("predicted", "Predicted", ".1%"), ("observed", "Observed", ".1%"))
    colour = _colours(own, dark)
    marks = {
        **axes,
        "color": colour,
        "shape": vega.name_at("name", scale={"domain": colour["scale"]["domain"]}, legend=vega.ABOVE),
        "fill": {
            "condition": {"test": f"datum.rows < {FEWEST_IN_BIN}", "value": tone["page"]},
            **vega.name_at("name", scale=colour["scale"], legend=None),
        },
        "size": vega.number_at("rows", scale={"range": [40, 260]}, legend=None),
        "tooltip": vega.told(("name", "Strategy"), ("rows", "Test rows", ",.0f"), *shares),
    }
    diagonal = [{"predicted": end, "observed": end} for end in (0, 1)]
    layers = [
        vega.layer("line", axes, data=diagonal, strokeDash=[5, 4], color=tone["soft"], strokeWidth=1.2),
        vega.layer("line", {**axes, "color": colour}, strokeWidth=1.6),
        vega.layer("point", marks, opacity=1, filled=False, strokeWidth=2),
    ]
    return vega.chart(f"Reliability for {name}", layers, dark=dark, data=own, height=420)


def sweep(table, settings, chosen, *, dark=False):
    """Draw the log loss along populations in which the rarest class has ever more of the rows. [nats]

    `table` holds `strategy, model, share, log_loss, follows`, `settings` holds `rarest, target_prior,
    training_prior`; `chosen` are the (strategy, model) to draw. Solid lines follow the population, broken
    ones stay as trained.
    """
    own, tone = _chosen(table.sort_values("share"), chosen), style.tones(dark)
    own["at"] = _logit(own["share"])
    highest = 1.0
    if len(own):
        # What is far above the others runs out of the picture.
        highest = 1.05 * min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max())
    heading = f"share of {shown(settings['rarest'], limit=24)} in the population"
    ticks = {"values": _logit(TICKS).tolist(), "labelExpr": "format(1 / (1 + exp(-datum.value)), '.0%')"}
    x = vega.number_at("at", axis={"title": heading, **ticks}, scale={"zero": False})
    y = vega.number_at("log_loss", title="log loss [nats]", scale={"domain": [0, highest]})
    priors = {word: settings[f"{word}_prior"][settings["rarest"]] for word in ("target", "training")}
    marks = [{"at": float(_logit(one)), "word": word} for word, one in priors.items() if 0 < one < 1]
    follows = own.groupby("name", sort=False)["follows"].all()
    dashes = [[1, 0] if one else BROKEN[at % len(BROKEN)] for at, one in enumerate(follows)]
    lines = {"domain": list(follows.index), "range": dashes}
    told = (("name", "Strategy"), ("share", "Share", ".1%"), ("log_loss", "Log loss [nats]", ".3f"))
    curves = {
        **{"x": x, "y": y, "color": _colours(own, dark)},
        "strokeDash": vega.name_at("name", scale=lines, legend=vega.ABOVE),
        "tooltip": vega.told(*told),
    }
    words = {"x": x, "y": {"value": 0}, "text": {"field": "word"}}
    layers = [
        vega.layer("rule", {"x": x}, data=marks, color=tone["soft"]),
        vega.layer("text", words, data=marks, align="left", dx=4, dy=8, color=tone["text"]),
        vega.layer("line", curves, strokeWidth=2.2, clip=True),
    ]
    return vega.chart(f"Log loss by the {heading}", layers, dark=dark, data=own, height=420)


def alarm_curves(curve, *, dark=False):
    """Draw the recall of hazardous days against false alarms, on held-out rows.

    `curve` holds `method, recall, false_alarm_rate`.
    """
    own = curve[curve["false_alarm_rate"] > 0]
    own = own.assign(name=[shown(one, limit=32) for one in own["method"]])
    alarms = {"format": ".1%", "values": [0.001, 0.01, 0.05, 0.1, 0.5]}
    alarms["title"] = "false alarms, share of the other days"
    recall = {"title": "recall of days above the level", "axis": {"format": "%"}}
    told = (("name", "Method"), ("recall", "Recall", ".1%"), ("false_alarm_rate", "False alarms", ".2%"))
    curves = {
        "x": vega.number_at("false_alarm_rate", scale={"type": "log"}, axis=alarms),
        "y": vega.number_at("recall", **recall),
        "color": _colours(own, dark),
        "tooltip": vega.told(*told),
    }
    layers = [vega.layer("line", curves, strokeWidth=2, interpolate="step-after")]
    return vega.chart("Recall against false alarms", layers, dark=dark, data=own, height=420)


def _chosen(table, chosen):
    """Return the rows of some strategies and models, with their name, in the order of the choice."""
    parts = [table[(table["strategy"] == strategy) & (table["model"] == model)] for strategy, model in chosen]
    own = pd.concat(parts) if parts else table.iloc[:0]
    return own.assign(name=names(own))


def _colours(own, dark):
    scale = {"domain": list(dict.fromkeys(own["name"])), "range": list(PALETTE["dark" if dark else "light"])}
    return vega.name_at("name", scale=scale, legend=vega.ABOVE)


def _logit(share):
    share = np.asarray(share, dtype="float64")
    return np.log(share / (1 - share))
