"""Versions of a product: what of an earlier extraction's values can still be used.

The catalogue is corrected from time to time. What decides a value is its product, as the catalogue had it,
with the area and the kind of day; whatever an earlier version fetched of the same is used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

from airq.io import json_ready
from airq.sources.earthengine.catalogue import EXTRACTIONS, PRODUCTS
from airq.sources.earthengine.product import Band, Product

#: Facts of a product that decide no value: those that explain it, and those that say which days it has.
UNDECIDING = ("title", "citation", "kind", "latency", "unconfirmed", "start", "end")
#: Settings of an extraction that all its products share.
SHARED = ("radius_km", "day_basis", "service")


def product_fingerprints(extraction):
    """Return the fingerprint of what decides the values of each product, by its key.

    `extraction` is as :meth:`Extraction.to_dict` gives it, in this or an earlier version: a fact that has its
    default value counts as one that is not there. Rings are told apart by the names of their columns.
    """
    fingerprints = {}
    for product in extraction["products"]:
        whole_days = product["cadence"] != "day" or product.get("whole_days", False)
        deciding = {
            "product": {
                name: value for name, value in _stated(product, Product).items() if name not in UNDECIDING
            },
            "bands": [_stated(band, Band) for band in product["bands"]],
            "radius_km": None if product.get("shape") == "rings" else float(extraction["radius_km"]),
            "day_basis": "utc" if whole_days else extraction["day_basis"],
            "service": extraction["service"],
        }
        if extraction.get("cell") and product.get("shape") != "rings":
            deciding |= {"radius_km": None, "cell": extraction["cell"]}
        text = json.dumps(deciding, sort_keys=True, ensure_ascii=False)
        fingerprints[product["key"]] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return fingerprints


def _stated(facts, kind):
    """Return the facts that differ from the defaults of a dataclass."""
    defaults = {own.name: json_ready(own.default) for own in dataclasses.fields(kind)}
    return {
        name: value
        for name, value in facts.items()
        if name != "bands" and value not in (None, [], {}) and value != defaults.get(name)
    }


def clashes(extraction, before, columns):
    """Return what of an earlier extraction cannot stand beside this one, in words.

    `before` is as :meth:`Extraction.to_dict` gave it, and `columns` are those of its panel.
    """
    now = json_ready(dataclasses.asdict(extraction))
    words = [name for name in SHARED if before.get(name) != now[name]]
    # Where discs are, a grid's cells are taken by discs, too.
    if before.get("cell") not in (None, now["cell"]):
        words.append("cells of a grid")
    if before.get("recipe") != extraction.recipe:
        known = {*EXTRACTIONS.get(extraction.recipe, ()), *(own.key for own in extraction.products)}
        words += [f"product {key}" for key in _bound(before, columns) if key not in known]
    return words


def joined(extraction, before, columns):
    """Return an extraction with the products, rings and quality that an earlier one brought, on its areas.

    `before` and `columns` are as in :func:`clashes`. What the recipe no longer holds is left out, and so is
    what never came into the panel.
    """
    bound, own = _bound(before, columns), {product.key: product for product in extraction.products}
    known = [key for key in EXTRACTIONS.get(extraction.recipe, ()) if key in own or key in bound]
    products = [own.get(key) or PRODUCTS[key] for key in known]
    products += [product for key, product in own.items() if key not in known]
    rings = set()
    if any(facts.get("shape") == "rings" for facts in bound.values()):
        rings = {float(radius) for radius in before["rings_km"] if _ends(columns, f"_{float(radius):g}km")}
    if not rings or any(product.shape == "rings" for product in own.values()):
        rings |= set(extraction.rings_km)
    return dataclasses.replace(
        extraction,
        products=tuple(products),
        rings_km=tuple(sorted(rings)),
        cell=before.get("cell"),
        quality=extraction.quality or (before["quality"] and _ends(columns, "_count")),
    )


def _bound(before, columns):
    """Return the facts of the products whose columns are in the panel, by key."""
    return {
        product["key"]: product
        for product in before.get("products", ())
        if any(
            column == band["name"] or column.startswith(f"{band['name']}_")
            for band in product["bands"]
            for column in columns
        )
    }


def _ends(columns, end):
    return any(column.endswith(end) for column in columns)
