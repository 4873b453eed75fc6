"""Words and tables about how far cities to predict lie from training."""

from __future__ import annotations

import numpy as np

from airq.card import QUESTIONS
from airq.models.proximity import NEAR_KM
from airq.tables import markdown_table

#: Lower ends of the bars of the histogram. [km]
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
WIDTH = 24
#: By which factor distances may differ before it is said.
ALIKE = 1.5
N_NAMED = 5


def proximity_records(found):
    """The records of :class:`airq.models.proximity.Proximity`, each with the facts about the cities."""
    distance = found.cities["distance_km"]
    facts = {
        "cities": len(distance),
        "cities_median_km": float(distance.median()),
        "cities_farthest_km": float(distance.max()),
        "cities_beyond_all": int(found.cities["beyond"].sum()),
    }
    nearest = found.nearest_scheme
    return [{**record, "applies": record is nearest, **facts} for record in found.records]


def proximity_rows(found):
    """Headings and cells of the table of schemes, as text; the cities to predict come first."""
    headings = ["scheme", "places", "10 %", "median", "90 %", "farthest", "differ by", "> 90 %", "> all"]
    distance = found.cities["distance_km"]
    quantiles = [_km(distance.quantile(level)) for level in (0.1, 0.5, 0.9, 1.0)]
    rows = [["cities to predict", f"{len(distance):,}", *quantiles, "", "", ""]]
    for record in found.records:
        figures = [_km(record[name]) for name in ("low_km", "median_km", "high_km", "farthest_km")]
        beyond = [f"{record[name]:,}" for name in ("cities_beyond_most", "cities_beyond")]
        rows.append(
            [record["scheme"], f"{record['sites']:,}", *figures, f"{record['factor']:.1f} times", *beyond]
        )
    return headings, rows


def proximity_caption():
    """What the columns of the table are."""
    return (
        "Distances in km: from the cities to predict to the nearest site with PM2.5, and from the held-out "
        "sites of each scheme to the nearest training site. differ by: factor between the distances of the "
        "cities and of the held-out sites, rank by rank (Wasserstein-1 distance of the logarithms); > 90 %, "
        "> all: cities that lie farther than nine tenths of the held-out sites, and than all of them."
    )


def proximity_sentences(found):
    """What follows from the distances: which scheme applies, how well, and to which cities none does."""
    distance = found.cities["distance_km"]
    sentences = [
        f"{_counted(len(distance), 'city', 'cities')} to predict, {found.n_sites:,} sites with PM2.5: the "
        f"nearest is {_km(distance.median())} km away in the median, {_km(distance.max())} km at most; "
        f"{int((distance < NEAR_KM).sum()):,} of the cities have one within {NEAR_KM:g} km."
    ]
    record = found.nearest_scheme
    if record is None:
        return [*sentences, "The panel supports no scheme that holds places out: no figures speak for them."]
    question = QUESTIONS.get(record["scheme"])
    sentences.append(
        f"The figures of the scheme `{record['scheme']}`{f' ({question})' if question else ''} come nearest: "
        f"its held-out sites lie {_km(record['median_km'])} km from training in the median."
    )
    return [*sentences, *_warnings(found, record)]


def _warnings(found, record):
    warnings = []
    if record["farther"] > ALIKE:
        warnings.append(
            f"Yet the cities lie {record['farther']:.1f} times farther (geometric mean) than those sites, "
            f"{record['cities_beyond_most']:,} of {len(found.cities):,} farther than nine tenths of them: "
            "expect larger errors than the figures tell."
        )
    elif record["farther"] < 1 / ALIKE:
        warnings.append(
            f"Yet the cities lie {1 / record['farther']:.1f} times nearer (geometric mean) than those sites: "
            "the figures are on the careful side."
        )
    elif record["factor"] > ALIKE:
        warnings.append(
            f"Yet the distances are spread otherwise, by a factor of {record['factor']:.1f} rank by rank: "
            "some cities are nearer and some farther than the figures assume."
        )
    beyond = found.cities[found.cities["beyond"]].sort_values("distance_km", ascending=False)
    if len(beyond):
        named = [f"{row.city} ({_km(row.distance_km)} km)" for row in beyond.head(N_NAMED).itertuples()]
        more = f" and {len(beyond) - N_NAMED:,} more" if len(beyond) > N_NAMED else ""
        warnings.append(
            f"{_counted(len(beyond), 'city lies', 'cities lie')} farther than any held-out site of any "
            f"scheme ({_km(found.farthest_km)} km), so no scheme speaks for "
            f"{'it' if len(beyond) == 1 else 'them'}: {', '.join(named)}{more}."
        )
    return warnings


def distance_histogram(found):
    """Bars of the cities to predict beside the held-out sites of the scheme that applies, as lines."""
    record = found.nearest_scheme
    columns = {"cities to predict": found.cities["distance_km"].to_numpy()}
    if record is not None:
        columns[f"held out by {record['scheme']}"] = found.held_out[record["scheme"]]
    counts = np.array([np.histogram(values, [*EDGES, np.inf])[0] for values in columns.values()])
    used = np.flatnonzero(counts.sum(axis=0))
    lines = ["".join([f"{'km':>13}", *(f"  {name:<{WIDTH + 6}}" for name in columns)]).rstrip()]
    for bar in range(used[0], used[-1] + 1):
        upper = f"{EDGES[bar + 1]:,}" if bar + 1 < len(EDGES) else "more"
        cells = [_bar(count[bar], count.max()) for count in counts]
        lines.append("".join([f"{EDGES[bar]:>5,} - {upper:>5}", *(f"  {cell}" for cell in cells)]).rstrip())
    return "\n".join(lines)


def proximity_markdown(found):
    """Text of proximity.md."""
    parts = [
        "# Distance from training",
        "\n".join(f"- {sentence}" for sentence in proximity_sentences(found)),
        f"```\n{distance_histogram(found)}\n```",
        markdown_table(*proximity_rows(found)),
        proximity_caption(),
        "\n".join(f"- Left out, {scheme}: {reason}." for scheme, reason in found.skipped.items()),
        "Distance does not say what a city is like; the column `inside_domain` of its predictions does.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _bar(count, largest):
    length = int(np.ceil(WIDTH * count / largest)) if largest else 0
    return f"{count:>5,} {'#' * length:<{WIDTH}}"


def _km(distance):
    """Distance with as many digits as matter.

    >>> _km(0.04), _km(7.26), _km(1234.5)
    ('0.0', '7.3', '1,234')
    """
    return f"{distance:,.1f}" if distance < 10 else f"{distance:,.0f}"


def _counted(number, one, several):
    return f"{number:,} {one if number == 1 else several}"
