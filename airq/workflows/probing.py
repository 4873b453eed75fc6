"""Whether Earth Engine answers for every product: one city, one day, nothing written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airq.sources.earthengine.blocks import Block
from airq.sources.earthengine.layers import layers_of
from airq.workflows.extract import asked_as, dates_of


@dataclass(frozen=True)
class Probe:
    """What one product gave for one city and one period; `works` is None where it was not tried."""

    product: str
    asset: str
    works: bool | None
    answer: str


def check(task, *, service):
    """Ask for one city and one day, product by product, and say what works. Nothing is written.

    Parameters
    ----------
    task : Task
        What to extract; the first city and the first day are tried.
    service : Service
        Which Earth Engine to ask.

    Returns
    -------
    list of Probe
        One for each product of every layer.

    Raises
    ------
    ValueError, OSError
        If no connection can be opened.
    """
    from airq.sources.earthengine.errors import Refused, Unavailable
    from airq.sources.earthengine.fetching import probe

    wanted, extraction, probes = task.wanted(), task.extraction(service.url), []
    day = wanted.days[0]
    site = wanted.sites.iloc[[0]]
    offset = int(extraction.offset_hours(site["longitude"])[0])
    with service.connect(f"airq-{task.recipe}-check") as engine:
        for product, layer in layers_of(extraction):
            periods = layer.periods(day, day)
            if not len(periods):
                probes.append(
                    _probe(product, layer, None, f"not tried, no images on {day}: {dates_of(product)}")
                )
                continue
            block = Block(layer, np.array([0]), periods, offset if layer.has_local_days else 0)
            try:
                values = probe(engine, block, site[["longitude", "latitude"]].to_numpy())
            except (Refused, Unavailable) as error:
                probes.append(_probe(product, layer, False, str(error)))
            else:
                probes.append(_probe(product, layer, True, _values_text(layer, values, extraction.units)))
    return probes


def _probe(product, layer, works, answer):
    return Probe(asked_as(product, layer), product.asset, works, answer)


def _values_text(layer, values, units):
    """The values of one city and period, with their units."""
    texts = []
    for name, value in zip(layer.columns, values.ravel(), strict=True):
        unit = units.get(name, layer.products[0].bands[0].unit)
        texts.append(f"{name} {'no valid pixel' if np.isnan(value) else f'{value:.4g} {unit}'}")
    return ", ".join(texts)
