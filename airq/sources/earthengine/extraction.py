"""Extractions: which products, around a city or in a cell, by which days, of which service.

Where and when is kept apart. The catalogue is corrected from time to time: what decides a value is its
product, as the catalogue had it, with the area and the kind of day, and whatever an earlier version fetched
of the same is used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass

import numpy as np

from airq.io import json_ready
from airq.sources.earthengine.catalogue import EXTRACTIONS, PRODUCTS
from airq.sources.earthengine.layers import Layer, column_units, disc_area, shared_metres
from airq.sources.earthengine.product import Band, Product
from airq.sources.online.address import named_service
from airq.sources.site_days import offset_hours

#: The service that answers by default.
EARTH_ENGINE = "earthengine.googleapis.com"
#: Facts of a product that decide no value: those that explain it, and those that say which days it has.
UNDECIDING = ("title", "citation", "kind", "latency", "unconfirmed", "start", "end")
#: Settings of an extraction that all its products share.
SHARED = ("radius_km", "day_basis", "service")


@dataclass(frozen=True)
class Extraction:
    """What to extract, apart from where and when.

    Raise ValueError if a radius is not positive, or the rings do not grow.
    """

    #: Name of the set of products.
    recipe: str
    products: tuple[Product, ...]
    #: Radius of the disc around a city. [km]
    radius_km: float = 5.0
    #: Outer radii of the rings of fire power. [km]
    rings_km: tuple[float, ...] = (50.0, 150.0, 300.0)
    #: Whether satellite columns bring their valid-pixel count and the pixel's age.
    quality: bool = False
    #: Whose midnight ends a day, "utc" or "local"; local days follow the longitude, in whole hours.
    day_basis: str = "utc"
    #: Who answers: values of a stand-in must not mix with Earth Engine's.
    service: str = EARTH_ENGINE
    #: Width of the cells of a grid, which are taken by their pixels instead of discs; None for discs. [°]
    cell: float | None = None

    def __post_init__(self):
        object.__setattr__(self, "rings_km", tuple(float(radius) for radius in self.rings_km))
        for radius in (self.radius_km, *self.rings_km):
            if not 0 < radius <= 1000:
                raise ValueError(f"A radius of {radius:g} km is not between 0 and 1,000 km.")
        if not self.rings_km or any(np.diff(self.rings_km) <= 0):
            raise ValueError("The rings need at least one radius, each larger than the one before it.")

    @functools.cached_property
    def layers(self):
        """Products that one request can draw together, as a tuple of Layer."""
        groups = {}
        for product in self.products:
            quality = self.quality and product.is_aged
            for radius in self.rings_km if product.shape == "rings" else (self.radius_km,):
                apart = product.whole_days and self.day_basis == "local"
                alike = (product.cadence, apart, product.shape)
                key = (radius, quality, shared_metres(product), product.reducers, *alike)
                groups.setdefault(key, []).append(product)
        return tuple(Layer(tuple(group), *key[:2], self.cell) for key, group in groups.items())

    @functools.cached_property
    def units(self):
        """Unit of every column of the panel that the extraction fills, in the panel's order."""
        return self._units(self.products)

    def units_on(self, days):
        """Return the unit of every column; products without images on any of the days have none."""
        return self._units(part for part in self.products if len(Layer((part,), 1.0).periods(*days[[0, -1]])))

    def _units(self, products):
        settings = {"rings_km": self.rings_km, "quality": self.quality}
        return {name: unit for own in products for name, unit in column_units(own, **settings).items()}

    def derived(self, columns):
        """Return sums and shares of rings, from those within their outer and inner radii."""
        rings = {}
        for product in self.products:
            for band in product.bands if product.shape == "rings" else ():
                inner, inner_area = 0.0, 0.0
                for radius in self.rings_km:
                    within, area = columns[f"{band.name}_within_{radius:g}km"], disc_area(radius)
                    # The edges of two discs are drawn by different pixels: a ring without fires, or seen
                    # as a whole, may come out a little below zero, or above one.
                    ring = np.maximum(within - inner, 0)
                    if band.classes:
                        ring = np.minimum(ring / (area - inner_area), 1)
                    rings[f"{band.name}_{radius:g}km"] = ring
                    inner, inner_area = within, area
        return rings

    @property
    def assets(self):
        """Earth Engine's ids, by key of the product."""
        return {product.key: product.asset for product in self.products}

    @property
    def source(self):
        """How a panel names where its values come from."""
        assets = ", ".join(dict.fromkeys(self.assets.values()))
        return f"{self.service_words}, recipe {self.recipe}: {assets}"

    @property
    def service_words(self):
        """How a panel names the service that answered."""
        return named_service(self.service, EARTH_ENGINE, "Google Earth Engine")

    def differences(self, before, columns):
        """Return what of an earlier extraction cannot stand beside this one, in words.

        `before` is as :meth:`to_dict` gave it, and `columns` are those of its panel.
        """
        now = self.to_dict()
        words = [name for name in SHARED if before.get(name) != now[name]]
        # Where discs are, a grid's cells are taken by discs, too.
        if before.get("cell") not in (None, self.cell):
            words.append("cells of a grid")
        if before.get("recipe") != self.recipe:
            known = {*EXTRACTIONS.get(self.recipe, ()), *self.assets}
            words += [f"product {key}" for key in _bound(before, columns) if key not in known]
        return words

    def joined(self, before, columns):
        """Return this extraction with the products, rings and quality that an earlier one brought.

        `before` and `columns` are as in :meth:`differences`. What the recipe no longer holds is left out, and
        so is what never came into the panel.
        """
        bound, own = _bound(before, columns), {product.key: product for product in self.products}
        known = [key for key in EXTRACTIONS.get(self.recipe, ()) if key in own or key in bound]
        products = [own.get(key) or PRODUCTS[key] for key in known]
        products += [product for key, product in own.items() if key not in known]
        rings = set()
        if any(facts.get("shape") == "rings" for facts in bound.values()):
            rings = {float(radius) for radius in before["rings_km"]}
            rings = {radius for radius in rings if _ends(columns, f"_{radius:g}km")}
        if not rings or any(product.shape == "rings" for product in own.values()):
            rings |= set(self.rings_km)
        return dataclasses.replace(
            self,
            products=tuple(products),
            rings_km=tuple(sorted(rings)),
            cell=before.get("cell"),
            quality=self.quality or (bool(before["quality"]) and _ends(columns, "_count")),
        )

    @functools.cached_property
    def fingerprints(self):
        """Hash of what decides the values of each product, apart from where and when, by its key."""
        return self.fingerprints_of(self.to_dict())

    def fingerprint_of(self, part):
        """Return the hash of what decides the values of a layer of one product."""
        return self.fingerprints[part.key]

    @staticmethod
    def fingerprints_of(extraction):
        """Return the fingerprint of what decides the values of each product, by its key.

        `extraction` is as :meth:`to_dict` gives it, in this or an earlier version: a fact that has its
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

    def offset_hours(self, longitudes):
        """Return the hours by which each city's day begins before the day in UTC.

        >>> Extraction("mine", (), day_basis="local").offset_hours([32.6, -17.4]).tolist()
        [2, -1]
        """
        return offset_hours(longitudes, self.day_basis)

    def to_dict(self):
        """Return the same as plain values, every product whole."""
        return json_ready(dataclasses.asdict(self))

    @functools.cached_property
    def fingerprint(self):
        """Hash of everything that decides a panel, apart from where and when."""
        facts = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _stated(facts, kind):
    """Return the facts that differ from the defaults of a dataclass."""
    defaults = {own.name: json_ready(own.default) for own in dataclasses.fields(kind)}
    return {
        name: value
        for name, value in facts.items()
        if name != "bands" and value not in (None, [], {}) and value != defaults.get(name)
    }


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
