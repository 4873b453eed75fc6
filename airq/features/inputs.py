"""Tell which columns are no inputs: readings of PM2.5 under another name, counters, numbers of places.

Only a table's own columns are looked at; those of the vocabulary are what they are called.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from airq.panel import (
    COLUMNS,
    MIN_TRAINING_ROWS,
    NOT_FEATURES,
    TARGET,
    feature_columns,
    label_panel,
    panel_metadata,
)

#: How columns are called that hold what a monitor reads: PM2.5, an index, or "pm" without a size.
#: PM10 is something else, and CAMS is a model, which places without a monitor have too.
READING = re.compile(
    r"(?<!cams_)(?<!cams)pm[ _.-]?0?2[ _.,p-]?5|^pm0?2(?!\d)|^pm(?![a-z])(?!.?\d)|^p2$|"
    r"particulate.?matter.?2|aqi|^i[qc]a(?![a-z])|now.?cast|arithmetic.?mean|max.?value|^value$|^(raw.?)?conc(entration)?\W*$|"
    r"^(daily.?)?(min|max|mean|median|avg|average|std|stdev|var|variance)(imum)?$",
    re.IGNORECASE,
)
#: Those of them that say nothing in a table without PM2.5, where a mean is one of whatever the table holds.
_BARE = re.compile(
    r"^value$|^(raw.?)?conc(entration)?\W*$|"
    r"^(daily.?)?(min|max|mean|median|avg|average|std|stdev|var|variance)(imum)?$",
    re.IGNORECASE,
)
#: Names of models, which places without a monitor have too.
_MODEL = re.compile(r"merra|geos|cams|model|forecast|era5|silam|wrf|chem", re.IGNORECASE)
#: Rank correlation with PM2.5 within places, of either sign, above which a column is a reading of it.
SAME_READING = 0.95
#: Fewest rows that tell a linear function of PM2.5.
_ROWS_OF_A_COPY = 5
#: What else monitors read: particles of other sizes and gases.
POLLUTANT = re.compile(
    r"^(pm.?(1|4|10)|tsp|no|no2|nox|so2|co|o3|nh3|ozone|benzene|toluene|xylene|bc)([ _(\[].*)?$",
    re.IGNORECASE,
)
#: Names of parts of a date.
CALENDAR = r"^(year|month|day|hour|minute|second|week|weekday|quarter|yr|mon|doy|dow|julian|day.?of.?\w+)s?$"
_NUMBER_OF = (
    r"(^|[ _.:])(no|nr|num|number|id|idx|index|code|serial|row|record|objectid|fid|station|site|location|loc|"
    r"sensor|device|monitor|grid|zip|postal|wmo|poc|unnamed)([ _.:]|$)"
)
#: What is known of a place, whatever else its name says.
_OF_A_PLACE = r"altitude|height|elev|pop|distance|dist(?!rict)|area(?!.?(code|id))|depth|temp"
#: Fewest days of a place in which a rise from day to day tells a counter.
_DAYS_OF_A_COUNTER = 10


def own_columns(panel: pd.DataFrame) -> list[str]:
    """List the numeric columns that the vocabulary does not know; it knows the counts and ages of inputs."""
    inputs = set(COLUMNS) - set(NOT_FEATURES)
    return [name for name in feature_columns(panel) if re.sub(r"_(count|age)$", "", str(name)) not in inputs]


def not_inputs(panel: pd.DataFrame, *, like: Iterable[str] = (), apart: Iterable[str] = ()) -> dict[str, str]:
    """Return the columns that a model should not learn from, and why.

    Parameters
    ----------
    panel : DataFrame of shape (n_samples, n_columns)
        Panel with its metadata; columns in their `kept` are not judged.
    like : iterable of str
        Columns of the table that PM2.5 was read from; others that begin with such a name are readings too.
    apart : iterable of str
        Columns from tables without PM2.5: "mean" or "value" there is no name of a reading.

    Returns
    -------
    dict of str to str
        Reason by column.

    Examples
    --------
    >>> from airq.sources.simulated import simulate
    >>> panel = simulate(n_cities=3, start="2020-01-01", end="2020-01-31", random_state=0)
    >>> not_inputs(panel.assign(smoothed=panel["pm25"].rolling(2).mean(), hour=0.0))["hour"]
    'a part of the date'
    """
    own = [rf"^(?!pm.?1){re.escape(name)}[\W_]" for name in like]
    pattern = re.compile("|".join([READING.pattern, *own]), re.IGNORECASE)
    bare = set(own_columns(panel) if not _has_target(panel) else apart)
    reasons = {}
    for name in own_columns(panel):
        if name in panel_metadata(panel).kept:
            continue
        silent = _MODEL.search(str(name)) or (name in bare and _BARE.search(str(name)))
        reading = "its name" if pattern.search(str(name)) and not silent else _reading(panel, name)
        reason = f"looks like a reading of PM2.5: {reading}" if reading else _counter(panel, name)
        if reason:
            reasons[name] = reason
    return reasons


def _has_target(panel):
    return TARGET in panel.columns and bool(panel[TARGET].notna().any())


def _reading(panel, name):
    """Return what shows that a column is a reading of PM2.5, or None."""
    if not _has_target(panel):
        return None
    both = panel[[TARGET, name]].notna()
    used = panel.loc[both.all(axis=1), ["site_id", TARGET, name]]
    if len(used) < _ROWS_OF_A_COPY or used[name].nunique() < 3:
        return None
    if len(used) >= MIN_TRAINING_ROWS:
        if (both[TARGET] == both[name]).all() and not both[TARGET].all():
            return "it is there exactly where PM2.5 is"
        ranks = used.groupby("site_id")[[TARGET, name]].rank(pct=True)
        ranks -= ranks.groupby(used["site_id"]).transform("mean")
        correlation = ranks[TARGET].corr(ranks[name]) if ranks.any().all() else 0.0
        if abs(correlation) > SAME_READING:
            return f"their ranks correlate by {correlation:.2f} within places"
    return "it is a linear function of PM2.5" if _linear(used[TARGET], used[name]) else None


def _linear(pm25, values):
    """Tell whether values are a number times PM2.5 plus another, to a millionth of their range.

    PM2.5 is in single precision, so two of its steps are allowed on top.
    """
    x, y = pm25.to_numpy(dtype="float64"), values.to_numpy(dtype="float64")
    low, high = x.argmin(), x.argmax()
    if x[low] == x[high]:
        return False
    slope = (y[high] - y[low]) / (x[high] - x[low])
    allowed = 1e-6 * np.ptp(y) + 2 * abs(slope) * float(np.spacing(np.float32(x[high])))
    return bool((np.abs(y - y[low] - slope * (x - x[low])) <= allowed).all())


def _counter(panel, name):
    """Return why a column only numbers something, or None."""
    values = panel[name].dropna()
    whole = bool((values % 1 == 0).all())
    if whole and re.search(CALENDAR, str(name), re.IGNORECASE):
        return "a part of the date"
    rows = panel.sort_values(["site_id", "date"]).dropna(subset=[name])
    by_site = rows.groupby("site_id")[name]
    if whole and _numbers_places(str(name), by_site):
        return "a number of the place"
    rises = by_site.diff()
    long = by_site.transform("size") >= _DAYS_OF_A_COUNTER
    if not len(values) or not long.all() or not (rises[rises.notna()] > 0).all():
        return None
    steps = (rises / rows.groupby("site_id")["date"].diff().dt.days).groupby(rows["site_id"])
    equal = (steps.max() - steps.min() <= 1e-3 * steps.max()).all()
    return "it rises with time from day to day" if whole or equal else None


def _numbers_places(name, by_site):
    """Tell whether a column of whole numbers, by site, is a number of the place by its name."""
    if not re.search(_NUMBER_OF, name, re.IGNORECASE) or re.search(_OF_A_PLACE, name, re.IGNORECASE):
        return False
    # A code that is the same everywhere may be that of the weather.
    differs = "code" not in name.lower() or by_site.first().nunique() > 1
    return differs and bool((by_site.nunique() <= 1).all())


def named(reasons: dict[str, str]) -> str:
    """Return columns and reasons as one text.

    >>> named({"No": "a number of the row", "hour": "a part of the date", "day": "a part of the date"})
    'No (a number of the row); hour, day (a part of the date)'
    """
    columns: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        columns.setdefault(reason, []).append(str(name))
    return "; ".join(f"{', '.join(names)} ({reason})" for reason, names in columns.items())


def only_inputs(
    panel: pd.DataFrame, *, like: Iterable[str] = (), apart: Iterable[str] = ()
) -> tuple[pd.DataFrame, str]:
    """Leave out the columns that are no inputs; return what stays, and a sentence on the others.

    The sentence is empty where all stay. See :func:`not_inputs`; the metadata remember what only stays since
    it was `apart`.
    """
    reasons, metadata = not_inputs(panel, like=like, apart=apart), panel_metadata(panel)
    bare = [name for name in apart if _BARE.search(str(name)) and name not in (*reasons, *metadata.kept)]
    if bare:
        metadata = dataclasses.replace(metadata, kept=(*metadata.kept, *bare))
        panel = label_panel(panel, metadata)
    if not reasons:
        return panel, ""
    first = next((name for name, why in reasons.items() if why.startswith("looks")), next(iter(reasons)))
    said = (
        f"columns left out: {named(reasons)}; to learn from them all the same, name them at ingest: "
        f'keep = ["{first}", …]'
    )
    return label_panel(panel.drop(columns=list(reasons)), metadata), said
