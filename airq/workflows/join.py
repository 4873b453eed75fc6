"""Join: the inputs of one panel and the targets of another make a panel to learn from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from airq.geo import arc_km, chord_km, geocentric_km, sites_of
from airq.io import read_panel
from airq.panel import IDENTITY, KEYS, TARGET, check_panel, label_panel, panel_metadata

#: What a target panel gives: PM2.5 and the index that it was made of.
FROM_TARGETS = (TARGET, "aqi")


@dataclass(frozen=True)
class JoinReport:
    """Account of what matched.

    Attributes
    ----------
    rows, matched : int
        Rows of the panel, and those of them that got a target.
    features_without_target, targets_without_features : int
        Rows of the feature panel that are kept without a target, rows of the target panel left out.
    sites, sites_by_id, sites_by_distance : int
        Sites of the feature panel, those matched by `site_id`, those matched by position.
    median_km, max_km : float
        Distance of the sites matched by position, 0 if there are none. [km]
    notes : tuple of str
        What else a reader of the panel should know.
    """

    rows: int
    matched: int
    features_without_target: int
    targets_without_features: int
    sites: int
    sites_by_id: int
    sites_by_distance: int
    median_km: float
    max_km: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        ways = [f"{self.sites_by_id:,} by site_id"] if self.sites_by_id else []
        if self.sites_by_distance:
            far = f"median {self.median_km:.1f} km, at most {self.max_km:.1f} km"
            ways.append(f"{self.sites_by_distance:,} by distance ({far})")
        n_left = self.targets_without_features
        left = f" {n_left:,} rows of the targets left out: no row of the features matches." if n_left else ""
        return (
            f"{self.sites_by_id + self.sites_by_distance:,} of {self.sites:,} sites matched, "
            f"{' and '.join(ways)}. PM2.5 is in {self.matched:,} of {self.rows:,} rows.{left}"
        )


def join(
    features: str | Path | pd.DataFrame, targets: str | Path | pd.DataFrame, *, max_km: float = 5.0
) -> tuple[pd.DataFrame, JoinReport]:
    """Add the PM2.5 of one panel to the inputs of another, by site and day.

    Sites that share their `site_id` match; of the others, those match that lie within `max_km` of each
    other, the nearest pair first. A site of the targets goes to one site of the features at most:
    a monitor at several sites would be on both sides of a split by site. Rows without a target stay,
    because lags need them; targets without features do not. Nothing is written.

    Parameters
    ----------
    features : path or DataFrame
        Panel of inputs, without PM2.5.
    targets : path or DataFrame
        Panel with `pm25`. [µg m⁻³]
    max_km : float
        Farthest match by position. [km]

    Returns
    -------
    panel : DataFrame
        The rows of `features`, with `pm25` (and `aqi`) where a target matches.
    report : JoinReport
        What matched.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If the day bases differ, both panels have PM2.5, sites of one name lie apart, or nothing
        matches.

    Examples
    --------
    >>> from airq.panel import PanelMetadata, label_panel
    >>> days = pd.DataFrame({
    ...     "site_id": "a", "city_id": "a", "city": "a", "country": "UGA",
    ...     "latitude": 0.3, "longitude": 32.6, "date": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    >>> features = label_panel(days.assign(aod055=[0.4, 0.2]), PanelMetadata())
    >>> targets = label_panel(days[:1].assign(site_id="monitor", pm25=41.0), PanelMetadata())
    >>> panel, report = join(features, targets)
    >>> panel[["site_id", "date", "pm25", "aod055"]]
      site_id       date  pm25  aod055
    0       a 2020-01-01  41.0     0.4
    1       a 2020-01-02   NaN     0.2
    >>> report.matched, report.sites_by_distance
    (1, 1)
    """
    inputs, here = _read(features, "features", target="optional")
    labels, there = _read(targets, "targets", target="required")
    _check_fit(inputs, labels, here, there)
    inputs = inputs.drop(columns=[name for name in FROM_TARGETS if name in inputs.columns])
    pairs, crowded = _site_pairs(inputs, labels, max_km)
    if pairs.empty:
        raise ValueError(
            f"No site of {here} has the site_id of one of {there} or lies within {max_km:g} km of one."
        )
    joined, n_used = _joined(inputs, labels, pairs)
    n_matched, n_targets = int(joined[TARGET].notna().sum()), int(labels[TARGET].notna().sum())
    if not n_matched:
        spans = [
            f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}" for days in (inputs["date"], labels["date"])
        ]
        raise ValueError(f"No day matches: the days of {here} are {spans[0]}, those of {there} {spans[1]}.")
    distance = pairs.loc[~pairs["by_name"], "km"]
    report = JoinReport(
        rows=len(joined),
        matched=n_matched,
        features_without_target=len(joined) - n_matched,
        targets_without_features=n_targets - n_used,
        sites=joined["site_id"].nunique(),
        sites_by_id=int(pairs["by_name"].sum()),
        sites_by_distance=len(distance),
        median_km=float(distance.median()) if len(distance) else 0.0,
        max_km=float(distance.max()) if len(distance) else 0.0,
        notes=_notes(labels, there, crowded, max_km),
    )
    return joined, report


def _read(table, role, *, target):
    """Return a checked panel, and what messages call it."""
    name = f"the {role}" if isinstance(table, pd.DataFrame) else str(table)
    try:
        return read_panel(table, target=target), name
    except ValueError as error:
        message = str(error)
        raise ValueError(message if name in message else f"{name}: {message}") from None


def _check_fit(inputs, labels, here, there):
    if TARGET in inputs.columns and inputs[TARGET].notna().any():
        raise ValueError(
            f"{here}: this panel already has PM2.5; the first panel gives inputs, the second targets. "
            "Swapped?"
        )
    bases = [panel_metadata(panel).day_basis for panel in (inputs, labels)]
    if bases[0] != bases[1]:
        raise ValueError(
            f"Days of {here} are {bases[0]}, those of {there} {bases[1]}: values would meet another day's "
            "weather. Make both panels with the same day basis."
        )


def _site_pairs(inputs, labels, max_km):
    """Pair sites, each with one at most; return the pairs, and how many others are near a target.

    The pairs are a table of `site_id`, `target_site`, `km` and `by_name`.
    """
    here, there = sites_of(inputs), sites_of(labels)
    same = here.index.intersection(there.index)
    apart = arc_km(np.linalg.norm(geocentric_km(here.loc[same]) - geocentric_km(there.loc[same]), axis=1))
    if len(apart) and apart.max() > max(max_km, 1.0):
        worst = apart.argmax()
        raise ValueError(
            f"Site {same[worst]!r} lies {apart[worst]:.0f} km apart in the two panels; give different "
            "places different names."
        )
    by_name = pd.DataFrame({"site_id": same, "target_site": same, "km": 0.0, "by_name": True})
    near = _near_sites(here.drop(index=same), there, max_km)
    by_place = _nearest_first(near[~near["target_site"].isin(same)]).assign(by_name=False)
    crowded = near.loc[~near["site_id"].isin(by_place["site_id"]), "site_id"].nunique()
    return pd.concat([by_name, by_place], ignore_index=True), crowded


def _near_sites(here, there, max_km):
    """Find all pairs of sites within a distance: `site_id`, `target_site`, `km`."""
    trees = cKDTree(geocentric_km(here)), cKDTree(geocentric_km(there))
    found = trees[0].sparse_distance_matrix(trees[1], chord_km(max_km), output_type="ndarray")
    near = pd.DataFrame(
        {"site_id": here.index[found["i"]], "target_site": there.index[found["j"]], "km": arc_km(found["v"])}
    )
    return near[near["km"] <= max_km]


def _nearest_first(near):
    """Keep the pairs that are left if each, from the nearest on, takes both its sites away."""
    sites, targets, chosen = set(), set(), []
    near = near.sort_values(["km", "site_id", "target_site"])
    for site, target in zip(near["site_id"], near["target_site"], strict=True):
        chosen.append(site not in sites and target not in targets)
        if chosen[-1]:
            sites.add(site)
            targets.add(target)
    return near[np.array(chosen, dtype=bool)]


def _joined(inputs, labels, pairs):
    """Return the labelled panel, and how many rows of `labels` went into it."""
    given = [name for name in FROM_TARGETS if name in labels.columns]
    wanted = labels.loc[labels[TARGET].notna(), [*KEYS, *given]].rename(columns={"site_id": "target_site"})
    wanted = wanted.assign(row=wanted.index)
    by_site = inputs.merge(pairs[["site_id", "target_site"]], on="site_id", how="left")
    joined = by_site.merge(wanted, on=["target_site", "date"], how="left")
    here, there = panel_metadata(inputs), panel_metadata(labels)
    metadata = dataclasses.replace(
        there,
        units={**here.units, **{name: there.units[name] for name in given}},
        sources=(*here.sources, *(source for source in there.sources if source not in here.sources)),
    )
    panel = check_panel(label_panel(joined.drop(columns=["target_site", "row"]), metadata))
    return panel, joined["row"].dropna().nunique()


def _notes(labels, there, crowded, max_km):
    notes = []
    if crowded:
        sites = "1 site has" if crowded == 1 else f"{crowded:,} sites have"
        notes.append(
            f"{sites} no target, although a site of {there} lies within {max_km:g} km: a monitor counts "
            "once, and its values went to the site of its name or to a nearer one"
        )
    left_out = [name for name in labels.columns if name not in (*IDENTITY, *FROM_TARGETS)]
    if left_out:
        notes.append(f"columns of {there} left out: {', '.join(left_out)}")
    return tuple(notes)
