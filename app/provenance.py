"""How predictions came about, in sentences: method, origin, citation."""

from __future__ import annotations

import airq
from airq.panel import ORIGINS
from airq.units import PM25_UNIT
from app import theme
from app.downloads import LICENCE
from app.text import for_markdown, shown

LONG = 600


def method_lines(store, simulated=False):
    """Yield sentences on how the predictions of a store came about, in Markdown."""
    facts = store.facts
    trained = "simulated" if simulated else store.trained_on
    unit = theme.unit_words(store.unit)
    if told := store.told("description"):
        yield for_markdown(told, limit=LONG)
    if told := store.told("method"):
        yield for_markdown(told, limit=LONG)
    yield (
        f"PM2.5, {store.value_words}, in {unit}: estimated by gradient-boosted trees from "
        "satellite, weather and model values of the place, its surroundings and the days around."
        if store.main == "pm25"
        else f"Air-quality index, {store.value_words}, in {unit}."
    )
    if trained in ORIGINS:
        yield f"The model learned from {ORIGINS[trained].words}."
        yield from filter(None, [ORIGINS[trained].warning])
    elif not facts.get("sources"):
        yield "The file does not say what the model learned from."
    if facts.get("statistic") == "median":
        yield "Days are summarised by their median; WHO and AQI levels are made for means."
    if facts.get("day_basis") in ("utc", "local"):
        yield f"Days end at midnight {'UTC' if facts['day_basis'] == 'utc' else 'of the place'}."
    if isinstance(facts.get("intervals"), str):
        yield for_markdown(facts["intervals"], limit=LONG)
    if facts.get("looks_ahead") is True:
        yield "It looks ahead: the features of a day use later days, so it cannot forecast."


def citation(store):
    """Say how to cite the predictions of a store: as its file asks for, where it does."""
    if told := store.told("cite"):
        return shown(told, limit=LONG)
    made = store.facts.get("bundle_hash")
    text = f"airq {airq.__version__}, daily PM2.5 for cities without a sensor"
    if isinstance(made, str):
        text += f"; bundle {shown(made, limit=16)}"
    days = f"{store.dates[0]:%Y-%m-%d} to {store.dates[-1]:%Y-%m-%d}"
    return f"{text}; {len(store.cities):,} cities, {days}. Cite the sources of the data as well."


def about_bundle(facts, rows):
    """Return the facts that a download tells of predictions made here with a bundle."""
    first, last = rows["date"].min(), rows["date"].max()
    return {
        "unit": PM25_UNIT,
        "trained_on": facts["panel"]["pm25_origin"],
        "statistic": facts["panel"]["statistic"],
        "day_basis": facts["panel"]["day_basis"],
        "period": "day",
        "bundle_hash": facts["hash"],
        "sources": facts["panel"]["sources"],
        "licence": LICENCE,
        "selection": f"uploaded list of cities, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
    }
