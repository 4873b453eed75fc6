"""Join: the inputs of some panels and the targets of others make a panel to learn from."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from airq.cities import SAME_PLACE_KM, SPRAWL_KM, moving_sites, place_findings
from airq.features.inputs import only_inputs, own_columns
from airq.geo import arc_km, chord_km, geocentric_km, sites_of
from airq.io import read_panel
from airq.panel import IDENTITY, KEYS, PLACE, TARGET, check_panel, label_panel, panel_metadata
from airq.sources.sites import N_MONITORS, means

#: What a target panel gives: PM2.5, the index that it was made of, and of how many hours and monitors.
FROM_TARGETS = (TARGET, "aqi", "n_hours", N_MONITORS)
#: What becomes of several monitors at one site.
SEVERAL = ("mean", "nearest", "each")


@dataclass(frozen=True)
class JoinReport:
    """Account of what matched.

    Attributes
    ----------
    rows, matched : int
        Rows of the panel, and those of them that got a target.
    features_without_target, targets_without_features : int
        Rows of the panel that are kept without a target; rows of the targets left out, because no row of the
        features matches.
    sites, sites_by_id, sites_by_city, sites_by_distance : int
        Sites of the features, those matched by `site_id`, as the city of a monitor, and by position.
    median_km, max_km : float
        Distance of the monitors matched by position, 0 if there are none. [km]
    monitors, monitors_used : int
        Sites of the targets, and those of them whose values are in the panel's sites.
    targets_not_used : int
        Rows of monitors that are near a site, but not used.
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
    sites_by_city: int = 0
    monitors: int = 0
    monitors_used: int = 0
    targets_not_used: int = 0

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        if not self.monitors:
            return f"{_count(self.rows, 'row')} of {_count(self.sites, 'site')}, no PM2.5."
        ways = [f"{self.sites_by_id:,} by site_id"] if self.sites_by_id else []
        if self.sites_by_city:
            ways.append(f"{self.sites_by_city:,} by city_id")
        if self.sites_by_distance:
            far = f"median {self.median_km:.1f} km, at most {self.max_km:.1f} km"
            ways.append(f"{self.sites_by_distance:,} by distance ({far})")
        n_left = self.targets_without_features
        left = f" {n_left:,} rows of the targets left out: no row of the features matches." if n_left else ""
        n_matched = self.sites_by_id + self.sites_by_city + self.sites_by_distance
        return (
            f"{n_matched:,} of {self.sites:,} sites matched, "
            f"{' and '.join(ways)}. PM2.5 is in {self.matched:,} of {self.rows:,} rows.{left}"
        )


def join(
    *panels: str | Path | pd.DataFrame, several: str = "mean", max_km: float = 5.0
) -> tuple[pd.DataFrame, JoinReport]:
    """Put the columns of panels side by side, and add PM2.5 to inputs, by site and day.

    A panel that has PM2.5 gives targets, any other gives inputs; their order does not matter. Inputs of
    several panels stand side by side; sites of one `site_id`, or within 1 km, are the same. Targets of
    several panels are stacked. A monitor belongs to the site of its `site_id`, else to the site that is its
    city (whose `site_id` and `city_id` are the monitor's `city_id`), else to the nearest site within
    `max_km`; to one only, because a monitor at several sites would be on both sides of a split by site. Rows
    without a target stay, because lags need them; targets without inputs do not. Nothing is written.

    Parameters
    ----------
    *panels : path or DataFrame
        Two panels or more.
    several : {"mean", "nearest", "each"}
        What becomes of several monitors at a site: the mean of those that have a value on the day, with their
        number in `n_monitors`; the values of the nearest, or of the one of the same `site_id`; or a site for
        each, at its own position, with the inputs and the city of the site that it belongs to.
    max_km : float
        Farthest match by position. [km]

    Returns
    -------
    panel : DataFrame
        The rows of the inputs, with `pm25` (and `aqi`, `n_hours`, `n_monitors`) where a target matches.
    report : JoinReport
        What matched.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If day bases, origins or statistics differ, no panel gives inputs, two give the same column or
        different values of one monitor and day, sites of one name lie apart, or nothing matches.

    Examples
    --------
    >>> from airq.panel import PanelMetadata, label_panel
    >>> days = pd.DataFrame({
    ...     "site_id": "a", "city_id": "a", "city": "a", "country": "UGA",
    ...     "latitude": 0.3, "longitude": 32.6, "date": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    >>> features = label_panel(days.assign(aod055=[0.4, 0.2]), PanelMetadata())
    >>> monitors = [days[:1].assign(site_id=name, pm25=pm25) for name, pm25 in [("m1", 41.0), ("m2", 45.0)]]
    >>> targets = label_panel(pd.concat(monitors), PanelMetadata())
    >>> panel, report = join(features, targets)
    >>> panel[["site_id", "date", "pm25", "aod055", "n_monitors"]]
      site_id       date  pm25  aod055  n_monitors
    0       a 2020-01-01  43.0     0.4         2.0
    1       a 2020-01-02   NaN     0.2         NaN
    >>> report.matched, report.monitors_used
    (1, 2)
    """
    if several not in SEVERAL:
        raise ValueError(f"several is {several!r}; it must be one of {', '.join(SEVERAL)}.")
    if not max_km >= 0:
        raise ValueError(f"max_km must be 0 or more, got {max_km}.")
    if len(panels) < 2:
        raise ValueError("There is nothing to join: give two panels or more.")
    features, targets = _read(panels)
    _check_days([*features, *targets])
    inputs, here, notes = functools.reduce(_side_by_side, features[1:], (*features[0], ()))
    n_sites = inputs["site_id"].nunique()
    if not targets:
        report = JoinReport(len(inputs), 0, len(inputs), 0, n_sites, 0, 0, 0.0, 0.0, notes)
        return inputs, report
    labels, there = _stacked(targets)
    pairs = (_one_each if several == "nearest" else _all_near)(inputs, labels, max_km)
    if pairs.empty:
        raise ValueError(
            f"No site of {here} has the site_id of one of {there} or lies within {max_km:g} km of one."
        )
    joined, left_out = only_inputs(_joined(inputs, labels, pairs, several), apart=own_columns(inputs))
    notes = (*notes, left_out) if left_out else notes
    n_matched = int(joined[TARGET].notna().sum())
    if not n_matched:
        spans = [
            f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}" for days in (inputs["date"], labels["date"])
        ]
        raise ValueError(f"No day matches: the days of {here} are {spans[0]}, those of {there} {spans[1]}.")
    return joined, _report(joined, inputs, labels, pairs, max_km, (*notes, *_left_out(targets)))


def _read(panels):
    """Return the panels that give inputs and those that give targets, each with what messages call it."""
    features, targets = [], []
    for number, table in enumerate(panels, 1):
        name = f"panel {number}" if isinstance(table, pd.DataFrame) else str(table)
        try:
            panel = read_panel(table)
        except ValueError as error:
            message = str(error)
            raise ValueError(message if name in message else f"{name}: {message}") from None
        if TARGET in panel.columns and panel[TARGET].notna().any():
            targets.append((panel, name))
        else:
            given = [column for column in FROM_TARGETS if column in panel.columns]
            features.append((panel.drop(columns=given), name))
    if not features:
        raise ValueError(
            f"{targets[0][1]}: this panel already has PM2.5, and so has every other; at least one must give "
            "inputs only."
        )
    if targets and len(panels) == 2 and all(isinstance(table, pd.DataFrame) for table in panels):
        return [(features[0][0], "the features")], [(targets[0][0], "the targets")]
    return features, targets


def _check_days(listed):
    here, basis = listed[0][1], panel_metadata(listed[0][0]).day_basis
    for panel, there in listed[1:]:
        other = panel_metadata(panel).day_basis
        if other != basis:
            raise ValueError(
                f"Days of {here} are {basis}, those of {there} {other}: values would meet another day's "
                "weather. Ingest hourly tables again with the other day_basis (times and time_zone say what "
                "their clock is), or extract features with --day local."
            )


def _side_by_side(left, right):
    """Merge the inputs of two panels by site and day; rows of either stay.

    `left` is a panel, its name and notes so far, as is the result; `right` a panel and its name.
    """
    (inputs, here, notes), (more, there) = left, right
    new = [name for name in more.columns if name not in IDENTITY]
    shared = [name for name in new if name in inputs.columns]
    if shared:
        raise ValueError(
            f"{here} and {there} both have the column {shared[0]!r} ({len(shared)} such); leave it out of "
            "one, so that it is clear whose values count."
        )
    pairs = _one_each(inputs, more, SAME_PLACE_KM)
    if pairs.empty:
        raise ValueError(f"No site of {there} is one of {here}, by site_id or within {SAME_PLACE_KM:g} km.")
    site = more["site_id"].map(pairs.set_index("target_site")["site_id"]).fillna(more["site_id"])
    more = more.assign(site_id=site.astype(more["site_id"].dtype))
    places = pd.concat([inputs[PLACE], more[PLACE]]).drop_duplicates("site_id")
    rows = inputs.drop(columns=PLACE[1:]).merge(more[[*KEYS, *new]], on=KEYS, how="outer", indicator="_from")
    origin = rows.pop("_from").value_counts()
    counts = [
        (origin["left_only"], f"no values of {there}"),
        (origin["right_only"], f"values of {there} only"),
    ]
    found = [
        f"{_count(number, 'row')} {'has' if number == 1 else 'have'} {what}"
        for number, what in counts
        if number
    ]
    n_placed = int((pairs["way"] == "place").sum())
    if n_placed:
        found.append(f"{_count(n_placed, 'site')} of {there} matched within {SAME_PLACE_KM:g} km")
    metadata, other = panel_metadata(inputs), panel_metadata(more)
    metadata = dataclasses.replace(
        metadata,
        units={**metadata.units, **other.units},
        sources=_united(metadata.sources, other.sources),
        kept=_united(metadata.kept, other.kept),
    )
    merged = check_panel(label_panel(rows.merge(places, on="site_id"), metadata))
    return merged, f"{here} and {there}", (*notes, *found)


def _stacked(targets):
    """Stack the rows with PM2.5 of panels, each monitor at its first place; return them and their name."""
    metadata, names = [panel_metadata(panel) for panel, _ in targets], [name for _, name in targets]
    for key in ("pm25_origin", "statistic"):
        kinds = [getattr(other, key) for other in metadata]
        for name, kind in zip(names, kinds, strict=True):
            if kind != kinds[0]:
                raise ValueError(
                    f"{key} of {names[0]} is {kinds[0]}, that of {name} {kind}: such values cannot stand in "
                    "one column."
                )
    indices = {other.units["aqi"] for other in metadata if "aqi" in other.units}
    if len(indices) > 1:
        raise ValueError(
            f"Indices of {' and '.join(names)} follow different tables: {', '.join(sorted(indices))}."
        )
    given = [name for name in FROM_TARGETS if any(name in panel.columns for panel, _ in targets)]
    rows = pd.concat(
        [panel.loc[panel[TARGET].notna()].reindex(columns=[*IDENTITY, *given]) for panel, _ in targets],
        ignore_index=True,
    )
    if moving := moving_sites(rows):
        raise ValueError(
            f"Site {moving[0]!r} lies more than {SAME_PLACE_KM:g} km apart in {' and '.join(names)}; give "
            "different places different names."
        )
    rows = rows.drop_duplicates([*KEYS, TARGET])
    if (twice := rows.duplicated(KEYS)).any():
        first = rows[twice].iloc[0]
        raise ValueError(
            f"{' and '.join(names)} have different PM2.5 of site {first['site_id']!r} on "
            f"{first['date']:%Y-%m-%d} ({_count(int(twice.sum()), 'such row')}); leave one out."
        )
    rows = rows.drop(columns=PLACE[1:]).merge(rows[PLACE].drop_duplicates("site_id"), on="site_id")
    units = {name: unit for other in reversed(metadata) for name, unit in other.units.items()}
    sources = functools.reduce(_united, [other.sources for other in metadata])
    labelled = label_panel(rows, dataclasses.replace(metadata[0], units=units, sources=sources))
    return labelled, " and ".join(names)


def _united(sources, more):
    return (*sources, *(source for source in more if source not in sources))


def _same_names(inputs, labels, max_km):
    """Pair the sites of one name; see :func:`_one_each`."""
    here, there = sites_of(inputs), sites_of(labels)
    same = here.index.intersection(there.index)
    apart = arc_km(np.linalg.norm(geocentric_km(here.loc[same]) - geocentric_km(there.loc[same]), axis=1))
    if len(apart) and apart.max() > max(max_km, 1.0):
        worst = apart.argmax()
        raise ValueError(
            f"Site {same[worst]!r} lies {apart[worst]:.0f} km apart in the two panels; give different "
            "places different names."
        )
    return pd.DataFrame({"site_id": same, "target_site": same, "km": 0.0, "way": "name"})


def _one_each(inputs, labels, max_km):
    """Pair sites, each with one at most, those of one name first, then the nearest.

    The pairs are a table of `site_id`, `target_site`, `km` and `way`: by "name", "city" or "place".
    """
    by_name = _same_names(inputs, labels, max_km)
    near = _near_sites(sites_of(inputs), sites_of(labels), max_km)
    taken = near["site_id"].isin(by_name["site_id"]) | near["target_site"].isin(by_name["site_id"])
    return pd.concat([by_name, _nearest_first(near[~taken]).assign(way="place")], ignore_index=True)


def _all_near(inputs, labels, max_km):
    """Pair every monitor with one site: that of its name, its city, or the nearest; see :func:`_one_each`."""
    by_name, here, there = _same_names(inputs, labels, max_km), sites_of(inputs), sites_of(labels)
    there = there.drop(index=by_name["target_site"])
    cities = here.index[here["city_id"] == here.index].intersection(there["city_id"].unique())
    own = there[there["city_id"].isin(cities)]
    apart = arc_km(np.linalg.norm(geocentric_km(own) - geocentric_km(here.loc[own["city_id"]]), axis=1))
    by_city = pd.DataFrame(
        {"site_id": own["city_id"].to_numpy(), "target_site": own.index, "km": apart, "way": "city"}
    )
    by_city = by_city[by_city["km"] <= SPRAWL_KM]
    near = _near_sites(here, there.drop(index=by_city["target_site"]), max_km)
    near = near.sort_values(["km", "site_id"]).drop_duplicates("target_site")
    return pd.concat([by_name, by_city, near.assign(way="place")], ignore_index=True)


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


def _joined(inputs, labels, pairs, several):
    """Return the inputs with the targets of their monitors, as a checked panel."""
    here, there = panel_metadata(inputs), panel_metadata(labels)
    given = [name for name in FROM_TARGETS if name in labels.columns]
    wanted = labels[[*KEYS, *given]].rename(columns={"site_id": "target_site"})
    pairs = pairs[["site_id", "target_site"]]
    if several == "mean":
        rows = means(wanted.merge(pairs, on="target_site"), KEYS, given, there.units.get("aqi"))
        rows = inputs.merge(rows, on=KEYS, how="left")
    else:
        rows = inputs.merge(pairs, on="site_id", how="left").merge(
            wanted, on=["target_site", "date"], how="left"
        )
    if several == "each":
        monitor, places = rows["target_site"].notna(), sites_of(labels)
        rows.loc[monitor, "site_id"] = rows.loc[monitor, "target_site"]
        for name in ("latitude", "longitude"):
            rows.loc[monitor, name] = places.loc[rows.loc[monitor, "target_site"], name].to_numpy()
    metadata = dataclasses.replace(
        here,
        units={**here.units, **{name: there.units[name] for name in given}, N_MONITORS: "1"},
        pm25_origin=there.pm25_origin,
        statistic=there.statistic,
        sources=_united(here.sources, there.sources),
        kept=_united(here.kept, there.kept),
    )
    return check_panel(label_panel(rows.drop(columns="target_site", errors="ignore"), metadata))


def _report(joined, inputs, labels, pairs, max_km, notes):
    site = labels["site_id"].map(pairs.set_index("target_site")["site_id"])
    days = pd.MultiIndex.from_arrays([site, labels["date"]])
    n_used = days.isin(pd.MultiIndex.from_frame(inputs[KEYS])).sum()
    near = _near_sites(sites_of(inputs), sites_of(labels), max_km)
    unused = near[~near["target_site"].isin(pairs["target_site"])].groupby("target_site")["km"].min()
    n_not_used = int(labels["site_id"].isin(unused.index).sum())
    n_matched = int(joined[TARGET].notna().sum())
    ways = pairs.drop_duplicates("site_id")["way"].value_counts()
    distance = pairs.loc[pairs["way"] == "place", "km"]
    return JoinReport(
        rows=len(joined),
        matched=n_matched,
        features_without_target=len(joined) - n_matched,
        targets_without_features=len(labels) - int(n_used) - n_not_used,
        sites=inputs["site_id"].nunique(),
        sites_by_id=int(ways.get("name", 0)),
        sites_by_distance=int(ways.get("place", 0)),
        median_km=float(distance.median()) if len(distance) else 0.0,
        max_km=float(distance.max()) if len(distance) else 0.0,
        notes=(*_monitor_notes(joined, labels, pairs, near, unused.sort_values(), max_km), *notes),
        sites_by_city=int(ways.get("city", 0)),
        monitors=labels["site_id"].nunique(),
        monitors_used=len(pairs),
        targets_not_used=n_not_used,
    )


def _monitor_notes(joined, labels, pairs, near, unused, max_km):
    """Yield what became of the monitors: means, new sites, those that were not used, and why."""
    if N_MONITORS in joined.columns and joined[N_MONITORS].max() > 1:
        own = joined[joined[N_MONITORS] > 1]
        sites = _count(own["site_id"].nunique(), "site")
        yield f"PM2.5 of {sites} is the mean of several monitors, of {own[N_MONITORS].max():.0f} at most"
    if len(unused):
        names = [f"{name} ({km:.1f} km)" for name, km in unused.items()]
        yield (
            f"{_count(len(names), 'monitor')} within {max_km:g} km not used, since a nearer one was there: "
            f"{_some(names)}"
        )
    far = sorted(set(labels["site_id"]) - set(pairs["target_site"]) - set(unused.index))
    if far:
        have = "has" if len(far) == 1 else "have"
        yield f"{_count(len(far), 'monitor')} {have} no features within {max_km:g} km: {_some(far)}"
    crowded = near.loc[~near["site_id"].isin(pairs["site_id"]), "site_id"].nunique()
    if crowded:
        have = "has" if crowded == 1 else "have"
        yield (
            f"{_count(crowded, 'site')} {have} no target, although a monitor lies within {max_km:g} km: a "
            "monitor counts once, and its values went to the site of its name or city, or to a nearer one"
        )


def _left_out(targets):
    """Yield the columns of the targets that are left out, and what is odd about the places of several."""
    for panel, name in targets:
        left_out = [column for column in panel.columns if column not in (*IDENTITY, *FROM_TARGETS)]
        if left_out:
            yield f"columns of {name} left out: {', '.join(left_out)}"
    if len(targets) > 1:
        rows = pd.concat([panel[[*IDENTITY, TARGET]] for panel, _ in targets], ignore_index=True)
        yield from place_findings(rows, rows.drop_duplicates([*KEYS, TARGET]))


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _some(names):
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
