"""Distances of cities to predict from training, and the scheme that holds out places at such distances.

The figures of a scheme apply to the cities to predict where its held-out places lie as far from their
training places as those cities lie from the monitors. The distributions of both distances are compared, as
in nearest-neighbour distance matching [1]_ [2]_. Here no folds are built to match: the nearest of the
existing schemes is named; the scheme `knndm` builds them, see :mod:`airq.validation.matched`.

Distances are compared by their logarithms. A step from 5 to 50 km changes what a monitor says about a place,
one from 1005 to 1050 km does not. With plain distances a few far cities would decide alone.

References
----------
.. [1] C. Milà, J. Mateu, E. Pebesma, H. Meyer, Nearest neighbour distance matching leave-one-out
   cross-validation for map validation, Methods in Ecology and Evolution 13, 1304-1316, 2022.
.. [2] J. Linnenbrink, C. Milà, M. Ludwig, H. Meyer, kNNDM CV: k-fold nearest-neighbour distance
   matching cross-validation for map accuracy estimation, Geoscientific Model Development 17,
   5897-5912, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from airq.geo import arc_km, nearest, sites_of
from airq.panel import TARGET
from airq.validation.matched import factor_between
from airq.validation.schemes import NEAR_KM, PLACE_SCHEMES, SCHEMES
from airq.validation.splitters import UnsupportedScheme, iter_folds, site_positions


@dataclass
class Proximity:
    """Distances of cities to predict from training, beside those of every scheme."""

    #: The city table with `nearest_site`, `nearest_city`, `distance_km` and `beyond`, whether a city lies
    #: farther from training than every held-out place of every scheme.
    cities: pd.DataFrame
    #: Number of sites with PM2.5.
    n_sites: int
    #: By scheme, distance of every held-out site to the nearest training site of its fold. [km]
    held_out: dict = field(default_factory=dict)
    #: One per scheme, see :func:`compare`; the one most like the cities first.
    records: list = field(default_factory=list)
    #: Scheme -> why it is not compared.
    skipped: dict = field(default_factory=dict)

    @property
    def nearest_scheme(self):
        """Return the record of the scheme whose distances are most like those of the cities, or None."""
        return self.records[0] if self.records else None

    @property
    def farthest_km(self):
        """Return the largest distance of a held-out site under any scheme [km]; 0 where there is none."""
        return max((record["farthest_km"] for record in self.records), default=0.0)


def proximity(panel, cities, schemes=PLACE_SCHEMES, *, buffer_km=50.0, seed=0):
    """Compare the distances of cities to predict with those of held-out places.

    `panel` and `cities` are a checked panel with targets and a checked city table; `schemes` are names of
    :data:`airq.validation.schemes.SCHEMES`, and the options those of
    :func:`airq.validation.splitters.make_folds`. Returns a :class:`Proximity`.
    """
    result = Proximity(with_distances(cities, panel), panel.loc[panel[TARGET].notna(), "site_id"].nunique())
    for scheme in dict.fromkeys(schemes):
        if scheme in SCHEMES and not SCHEMES[scheme].places:
            result.skipped[scheme] = "it holds out days of known places, so it does not apply to other places"
            continue
        try:
            folds = iter_folds(panel, scheme, buffer_km=buffer_km, seed=seed, cities=cities)
            result.held_out[scheme] = held_out_distances(panel, folds)
        except UnsupportedScheme as reason:
            result.skipped[scheme] = str(reason)
    distance = result.cities["distance_km"].to_numpy()
    result.records = [compare(distance, held_out, scheme) for scheme, held_out in result.held_out.items()]
    # Where every city has one site, `city` and `site` are the same; cities are to be predicted.
    result.records.sort(key=lambda record: (round(record["factor"], 9), record["scheme"] == "site"))
    result.cities["beyond"] = distance > result.farthest_km
    return result


def with_distances(cities, panel):
    """Add `nearest_site, nearest_city, distance_km` of the panel's sites with PM2.5 to a city table."""
    sites = sites_of(panel[panel[TARGET].notna()])
    position, distance = nearest(cities, sites)
    names = sites["city"].to_numpy()[position]
    return cities.assign(nearest_site=sites.index[position], nearest_city=names, distance_km=distance)


def held_out_distances(panel, folds):
    """Return the distance [km] from every held-out site to the nearest training site of its fold.

    The shape is (n_held_out_sites,), in the order of the folds; a site that is held out in several folds has
    several distances.
    """
    return np.concatenate([distance for distance, _ in _by_fold(panel, folds)])


def training_distances(panel, folds):
    """Return the distance [km] from every held-out row to the nearest training site of its fold.

    The shape is (n_held_out_rows,), in the order of the folds; it is 0 where days are held out, not places.
    """
    return np.concatenate([distance[row] for distance, row in _by_fold(panel, folds)])


def _by_fold(panel, folds):
    """Yield the distances of the held-out sites of every fold [km], and which of them each row has."""
    site, positions = site_positions(panel)
    for fold in folds:
        held_out, row = np.unique(site[fold.test], return_inverse=True)
        training = np.unique(site[fold.train])
        yield arc_km(cKDTree(positions[training]).query(positions[held_out])[0]), row


def compare(distance, held_out, scheme):
    """Return the record of one scheme.

    `distance` and `held_out` are the distances of the cities to predict, shape (n_cities,), and of the
    held-out sites, shape (n_held_out_sites,), from the nearest training site. [km]

    Returns
    -------
    dict
        `scheme`, `sites` (number held out); `low_km, median_km, high_km, farthest_km` (10 %, 50 %, 90 % and
        largest of `held_out`); `factor` (mean factor between cities and held-out sites, rank by rank:
        exponential of the Wasserstein-1 distance of the logarithms, 1 where they are alike); `farther` (the
        same with direction: above 1 where the cities lie farther); `apart_km` (Wasserstein-1 distance of the
        plain distances); `cities_beyond_most`, `cities_beyond` (cities farther than 90 % and than all of its
        held-out sites).

    Examples
    --------
    Cities at 20 and 200 km, held-out sites at 10 and 100 km:

    >>> record = compare(np.array([20.0, 200.0]), np.array([100.0, 10.0]), "city")
    >>> {name: round(record[name], 6) for name in ("factor", "farther", "apart_km", "cities_beyond")}
    {'factor': 2.0, 'farther': 2.0, 'apart_km': 55.0, 'cities_beyond': 1}
    """
    logs = [np.log(np.maximum(values, NEAR_KM)) for values in (distance, held_out)]
    quantiles = np.quantile(held_out, [0.1, 0.5, 0.9, 1.0]).tolist()
    return {
        "scheme": scheme,
        "sites": len(held_out),
        **dict(zip(("low_km", "median_km", "high_km", "farthest_km"), quantiles, strict=True)),
        "factor": factor_between(distance, held_out),
        "farther": float(np.exp(logs[0].mean() - logs[1].mean())),
        "apart_km": float(wasserstein_distance(distance, held_out)),
        "cities_beyond_most": int(np.sum(distance > quantiles[2])),
        "cities_beyond": int(np.sum(distance > quantiles[3])),
    }
