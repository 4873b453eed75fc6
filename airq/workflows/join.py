"""Join: inputs of one panel, targets of another, one panel to learn from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from airq.geo import arc_km, chord_km, geocentric_km, sites_of
from airq.io import check_writable, read_panel, write_panel
from airq.panel import IDENTITY, KEYS, TARGET, check_panel, label_panel, panel_metadata

#: What a target panel gives: PM2.5 and the index that it was made of.
FROM_TARGETS = (TARGET, "aqi")


@dataclass(frozen=True)
class JoinReport:
    """What matched.

    Attributes
    ----------
    out : str
        The panel's file.
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

    out: str
    rows: int
    matched: int
    features_without_target: int
    targets_without_features: int
    sites: int
    sites_by_id: int
    sites_by_distance: int
    median_km: float
    max_km: float
    notes: tuple = ()

    def to_dict(self):
        """The same facts as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        ways = [f"{self.sites_by_id:,} by site_id"] if self.sites_by_id else []
        if self.sites_by_distance:
            far = f"median {self.median_km:.1f} km, at most {self.max_km:.1f} km"
            ways.append(f"{self.sites_by_distance:,} by distance ({far})")
        matched = self.sites_by_id + self.sites_by_distance
        return (
            f"{matched:,} of {self.sites:,} sites matched, {' and '.join(ways)}; {self.matched:,} rows got a "
            f"target, {self.features_without_target:,} have none, {self.targets_without_features:,} targets "
            f"left out without features. {self.out}: {self.rows:,} rows."
        )


def join(features, targets, *, out, max_km=5.0):
    """Give the rows of a feature panel the PM2.5 of a target panel, by site and day.

    Sites that share their `site_id` match; of the others, those match that lie within `max_km` of each
    other, the nearest pair first. A site of the targets goes to one site of the features at most:
    a monitor that stood at several sites would be on both sides of a split by site. Rows without a
    target stay, because lags need them; targets without features do not.

    Parameters
    ----------
    features : str or Path
        Panel of inputs, without PM2.5.
    targets : str or Path
        Panel with `pm25`.
    out : str or Path
        Parquet file to write.
    max_km : float
        Farthest match by position. [km]

    Returns
    -------
    JoinReport

    Raises
    ------
    OSError
        If a file cannot be read or `out` cannot be written.
    ValueError
        If the day bases differ, both panels have PM2.5, sites of one name lie apart, or nothing
        matches.
    """
    check_writable(out)
    inputs, labels = _read(features, target="optional"), _read(targets, target="required")
    _check_fit(inputs, labels, features, targets)
    inputs = inputs.drop(columns=[name for name in FROM_TARGETS if name in inputs.columns])
    pairs, crowded = _site_pairs(inputs, labels, max_km)
    if pairs.empty:
        raise ValueError(
            f"No site of {features} has the site_id of one of {targets} or lies within {max_km:g} km of one."
        )
    joined, used = _joined(inputs, labels, pairs)
    if not joined[TARGET].notna().any():
        raise ValueError(
            f"No day matches at the sites that do: {features} has {_span(inputs)}, {targets} {_span(labels)}."
        )
    write_panel(joined, out)
    return _report(joined, labels, pairs, used, _notes(labels, targets, crowded, max_km), out)


def _read(path, *, target):
    try:
        return check_panel(read_panel(path), target=target)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if str(path) in message else f"{path}: {message}") from None


def _check_fit(inputs, labels, features, targets):
    here, there = panel_metadata(inputs), panel_metadata(labels)
    if TARGET in inputs.columns and inputs[TARGET].notna().any():
        raise ValueError(
            f"{features} already has PM2.5; the first panel gives inputs, the second targets. Swapped?"
        )
    if here.day_basis != there.day_basis:
        raise ValueError(
            f"Days of {features} are {here.day_basis}, those of {targets} {there.day_basis}: values would "
            "meet another day's weather. Make both panels with the same day basis."
        )


def _site_pairs(inputs, labels, max_km):
    """Sites that belong together, each in one pair at most, and how many others are near a target.

    The pairs: `site_id`, `target_site`, `km`, and whether it is by name.
    """
    here, there = sites_of(inputs), sites_of(labels)
    same = here.index.intersection(there.index)
    _check_apart(here.loc[same], there.loc[same], max_km)
    by_name = pd.DataFrame({"site_id": same, "target_site": same, "km": 0.0, "by_name": True})
    near = _near_sites(here.drop(index=same), there, max_km)
    by_place = _nearest_first(near[~near["target_site"].isin(same)]).assign(by_name=False)
    crowded = near.loc[~near["site_id"].isin(by_place["site_id"]), "site_id"].nunique()
    return pd.concat([by_name, by_place], ignore_index=True), crowded


def _check_apart(here, there, max_km):
    apart = arc_km(np.linalg.norm(geocentric_km(here) - geocentric_km(there), axis=1))
    if len(apart) and apart.max() > max(max_km, 1.0):
        worst = apart.argmax()
        raise ValueError(
            f"Site {here.index[worst]!r} lies {apart[worst]:.0f} km apart in the two panels; give different "
            "places different names."
        )


def _near_sites(here, there, max_km):
    """All pairs of sites within a distance: `site_id`, `target_site`, `km`."""
    trees = cKDTree(geocentric_km(here)), cKDTree(geocentric_km(there))
    found = trees[0].sparse_distance_matrix(trees[1], chord_km(max_km), output_type="ndarray")
    near = pd.DataFrame(
        {"site_id": here.index[found["i"]], "target_site": there.index[found["j"]], "km": arc_km(found["v"])}
    )
    return near[near["km"] <= max_km]


def _nearest_first(near):
    """The pairs that are left if each, from the nearest on, takes both its sites away."""
    sites, targets, chosen = set(), set(), []
    near = near.sort_values(["km", "site_id", "target_site"])
    for site, target in zip(near["site_id"], near["target_site"], strict=True):
        chosen.append(site not in sites and target not in targets)
        if chosen[-1]:
            sites.add(site)
            targets.add(target)
    return near[np.array(chosen, dtype=bool)]


def _joined(inputs, labels, pairs):
    """The labelled panel, and the rows of `labels` that went into it."""
    gifts = [name for name in FROM_TARGETS if name in labels.columns]
    wanted = labels.loc[labels[TARGET].notna(), [*KEYS, *gifts]].rename(columns={"site_id": "target_site"})
    wanted = wanted.assign(row=wanted.index)
    by_site = inputs.merge(pairs[["site_id", "target_site"]], on="site_id", how="left")
    joined = by_site.merge(wanted, on=["target_site", "date"], how="left")
    used = joined["row"].dropna().nunique()
    here, there = panel_metadata(inputs), panel_metadata(labels)
    metadata = dataclasses.replace(
        there,
        units={**here.units, **{name: there.units[name] for name in gifts}},
        sources=(*here.sources, *(source for source in there.sources if source not in here.sources)),
    )
    return check_panel(label_panel(joined.drop(columns=["target_site", "row"]), metadata)), used


def _notes(labels, targets, crowded, max_km):
    notes = []
    if crowded:
        sites = "1 site" if crowded == 1 else f"{crowded:,} sites"
        notes.append(
            f"{sites} without a target, although a site of {targets} lies within {max_km:g} km: its values "
            "went to the site of its name, or else to a nearer one, as a monitor counts once"
        )
    left_out = [name for name in labels.columns if name not in (*IDENTITY, *FROM_TARGETS)]
    if left_out:
        notes.append(f"columns of {targets} left out: {', '.join(left_out)}")
    return tuple(notes)


def _report(joined, labels, pairs, used, notes, out):
    matched = int(joined[TARGET].notna().sum())
    by_place = pairs.loc[~pairs["by_name"], "km"]
    return JoinReport(
        out=str(out),
        rows=len(joined),
        matched=matched,
        features_without_target=len(joined) - matched,
        targets_without_features=int(labels[TARGET].notna().sum()) - int(used),
        sites=joined["site_id"].nunique(),
        sites_by_id=int(pairs["by_name"].sum()),
        sites_by_distance=len(by_place),
        median_km=float(by_place.median()) if len(by_place) else 0.0,
        max_km=float(by_place.max()) if len(by_place) else 0.0,
        notes=notes,
    )


def _span(panel):
    return f"{panel['date'].min():%Y-%m-%d} to {panel['date'].max():%Y-%m-%d}"
