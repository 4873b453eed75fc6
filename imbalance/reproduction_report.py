"""What the stand-ins say: a table beside the published one, orders counted, and sentences they support."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from airq.files import whole_file, write_json, write_text
from imbalance.priors import kl_divergence
from imbalance.report import PRIOR_KL, markdown_table
from imbalance.reproduction import PUBLISHED, READINGS, SETTINGS_FILE, STAND_IN
from imbalance.standin import (
    ASSUMPTIONS,
    CLASSES,
    TARGET_PRIOR,
    TRAINING_ROWS,
    exact_log_loss,
    prior_in_order,
)

LEVEL = 0.95
#: The strategy with the published best log loss; the others are compared with it.
PUBLISHED_BEST = min(PUBLISHED, key=PUBLISHED.get)
PUBLISHED_ORDER = tuple(sorted(PUBLISHED, key=PUBLISHED.get))


def losses_by_seed(scores):
    """Log loss, a row a seed, a column a case named `strategy (model)`. [nats]"""
    named = scores.assign(case=case_names(scores))
    return named.pivot_table(index="seed", columns="case", values="log_loss")[list(named["case"].unique())]


def case_names(scores):
    """`strategy`, with the model where it is not LightGBM."""
    other = scores["model"] != "lightgbm"
    return scores["strategy"].where(~other, scores["strategy"] + " (" + scores["model"] + ")")


def reproduction_table(scores):
    """The published log losses beside ours on the stand-ins.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`imbalance.reproduction.reproduce`.

    Returns
    -------
    pandas.DataFrame
        `data` ("STAND-IN"), `strategy, model, published, log_loss, log_loss_sd, low, high, prior_kl, vs_best,
        ci_low, ci_high, wins, seeds, brier, auc, seconds`, lowest mean log loss first. Means over seeds;
        `low` and `high` are the least and largest log loss; `vs_best` is the mean paired difference to the
        published best strategy with its 95 % t interval (seeds are independent), `wins` the seeds with less
        log loss; `prior_kl` is to the nominal prior: for SMOTE, repeated rows and weights boosted trees do
        not stand for the counted prior. [nats; seconds in s]
    """
    losses = losses_by_seed(scores)
    target = prior_in_order(TARGET_PRIOR)
    rows = []
    for name, part in scores.assign(case=case_names(scores)).groupby("case", sort=False):
        difference = losses[name] - losses[PUBLISHED_BEST]
        trained = part[[f"prior_{label}" for label in CLASSES]].mean().to_numpy()
        low, high = t_interval(difference)
        rows.append(
            {
                "data": STAND_IN,
                "strategy": part["strategy"].iloc[0],
                "model": part["model"].iloc[0],
                "published": PUBLISHED.get(part["published"].iloc[0], np.nan),
                "log_loss": losses[name].mean(),
                "log_loss_sd": losses[name].std(ddof=1),
                "low": losses[name].min(),
                "high": losses[name].max(),
                "prior_kl": kl_divergence(target, trained / trained.sum()),
                "vs_best": difference.mean(),
                "ci_low": low,
                "ci_high": high,
                "wins": int((difference < 0).sum()),
                "seeds": len(difference),
                **part[["brier", "auc", "seconds"]].mean().to_dict(),
            }
        )
    return pd.DataFrame(rows).sort_values("log_loss", kind="stable", ignore_index=True)


def t_interval(differences):
    """95 % interval of a mean of independent differences; missing with fewer than two.

    Examples
    --------
    >>> low, high = t_interval([-0.1, -0.3])
    >>> round(low, 3), round(high, 3)
    (-1.471, 1.071)
    """
    differences = np.asarray(differences, dtype="float64")
    n = len(differences)
    if n < 2:
        return np.nan, np.nan
    reach = student.ppf((1 + LEVEL) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return float(differences.mean() - reach), float(differences.mean() + reach)


def _published_losses(scores, reading):
    """Log loss of the post's four strategies by seed, "weights" as one of its readings."""
    part = scores[(scores["published"] != "") & ~scores["strategy"].isin(set(READINGS) - {reading})]
    return part.pivot_table(index="seed", columns="published", values="log_loss")[list(PUBLISHED_ORDER)]


def order_counts(scores):
    """How often each order of the post's four strategies occurs.

    Returns
    -------
    pandas.DataFrame
        `data, weights, order, seeds, of, published`: a row per order that occurs, for each reading of the
        post's weights; the published order stands there even if it never occurs.
    """
    rows = []
    for reading in READINGS:
        losses = _published_losses(scores, reading)
        orders = losses.apply(lambda row: tuple(row.sort_values(kind="stable").index), axis=1)
        counts = orders.value_counts().to_dict()
        counts.setdefault(PUBLISHED_ORDER, 0)
        rows += [
            {"data": STAND_IN, "weights": reading, "order": " < ".join(order), "seeds": int(n),
             "of": len(losses), "published": order == PUBLISHED_ORDER}
            for order, n in sorted(counts.items(), key=lambda item: -item[1])
        ]  # fmt: skip
    return pd.DataFrame(rows)


def pair_counts(scores):
    """How often each published "A below B" holds, and by how much.

    Returns
    -------
    pandas.DataFrame
        `data, weights, better, worse, published_difference, difference, ci_low, ci_high, holds, of`:
        differences of the log loss, `better` minus `worse`. [nats]
    """
    rows = []
    for reading in READINGS:
        losses = _published_losses(scores, reading)
        for better, worse in combinations(PUBLISHED_ORDER, 2):
            difference = losses[better] - losses[worse]
            low, high = t_interval(difference)
            rows.append(
                {
                    "data": STAND_IN,
                    "weights": reading,
                    "better": better,
                    "worse": worse,
                    "published_difference": PUBLISHED[better] - PUBLISHED[worse],
                    "difference": difference.mean(),
                    "ci_low": low,
                    "ci_high": high,
                    "holds": int((difference < 0).sum()),
                    "of": len(difference),
                }
            )
    return pd.DataFrame(rows)


def exact_losses(rows=None):
    """Log loss of exact posteriors under the target prior: the floor, and with the training prior. [nats]"""
    rows = TRAINING_ROWS if rows is None else rows
    counts = np.array([rows[name] for name in CLASSES], dtype="float64")
    target = prior_in_order(TARGET_PRIOR)
    return {
        "right_prior": exact_log_loss(target, target, rows=50_000),
        "training_prior": exact_log_loss(counts / counts.sum(), target, rows=50_000),
    }


def findings(scores):
    """Sentences that the figures support, and no more; each begins with STAND-IN.

    The first says what was assumed of the stand-in, since that decides the result.
    """
    table, orders, pairs = reproduction_table(scores), order_counts(scores), pair_counts(scores)
    n = int(table["seeds"].iloc[0])
    sentences = [
        f"measured on {n} simulated table{'s' * (n > 1)}; the competition's rows are private. {ASSUMPTIONS} "
        "Weights are in CatBoost, as published, the others in LightGBM: they differ by learner, too."
    ]
    for reading, meaning in READINGS.items():
        part = orders[orders["weights"] == reading]
        held, first = part[part["published"]].iloc[0], part.iloc[0]
        sentences.append(
            f"with weights read as {reading} ({meaning}): the published order ({held['order']}) occurs in "
            f"{held['seeds']} of {n} seeds; the most frequent one, {first['order']}, in {first['seeds']}."
        )
    certain = pairs[(pairs["weights"] == next(iter(READINGS))) & ~_touches_weights(pairs)]
    sentences += [
        f"{row.better} below {row.worse}: in {row.holds} of {row.of} seeds; mean difference "
        f"{_interval(row.difference, row)}; published {row.published_difference:+.4f}."
        for row in certain.itertuples()
    ]
    corrected = table[(table["published"].isna()) & (table["strategy"] != PUBLISHED_BEST)]
    sentences += [
        f"{row.strategy} below {PUBLISHED_BEST}, the published best: in {row.wins} of {row.seeds} seeds; "
        f"mean difference {_interval(row.vs_best, row)}."
        for row in corrected.itertuples()
    ]
    return [f"{STAND_IN}: {sentence}" for sentence in sentences]


def _interval(mean, row):
    if np.isnan(row.ci_low):
        return f"{mean:+.4f} (one seed has no interval)"
    return f"{mean:+.4f} (95 % {row.ci_low:+.4f} to {row.ci_high:+.4f})"


def _touches_weights(pairs):
    return (pairs["better"] == "weights") | (pairs["worse"] == "weights")


def markdown(scores, settings):
    """The tables with caption and findings in Markdown."""
    parts = [
        "# The published comparison on a STAND-IN",
        caption(settings),
        _markdown_table(shown_table(scores)),
        "Orders of the four published strategies:",
        _markdown_table(shown_orders(scores)),
        "\n".join(f"- {sentence}" for sentence in findings(scores)),
    ]
    return "\n\n".join(parts) + "\n"


def caption(settings):
    """What the rows and the figures are."""
    rows, target = settings["training_rows"], settings["target_prior"]
    exact = exact_losses(rows)
    return (
        f"{STAND_IN}: simulated tables, not the competition's rows, which are private: "
        f"{sum(rows.values()):,} training rows ({', '.join(f'{name} {n:,}' for name, n in rows.items())}), "
        f"121 columns, and {settings['validation_rows']:,} fresh validation rows with the target prior "
        f"({', '.join(f'{name} {share}' for name, share in target.items())}). Exact posteriors lose "
        f"{exact['right_prior']:.3f} with the target prior and {exact['training_prior']:.3f} with the "
        f"training prior. {ASSUMPTIONS} Log loss in nats; ±: standard deviation over seeds; vs: "
        f"paired difference to {PUBLISHED_BEST}, the published best, with its 95 % t interval; wins: "
        "seeds below it; "
        f"prior KL: {PRIOR_KL}."
    )


def _markdown_table(table):
    return markdown_table(list(table.columns), table.to_numpy().tolist())


def shown_table(scores):
    """The table as text, for a terminal or Markdown."""
    table = reproduction_table(scores)
    return pd.DataFrame(
        {
            "strategy": table["strategy"],
            "model": table["model"],
            "published": table["published"].map("{:.4f}".format).where(table["published"].notna(), "-"),
            "STAND-IN": table["log_loss"].map("{:.4f}".format),
            "±": table["log_loss_sd"].map("{:.4f}".format).where(table["seeds"] > 1, "-"),
            f"vs {PUBLISHED_BEST}": table["vs_best"].map("{:+.4f}".format),
            "95 %": [
                "-" if np.isnan(low) else f"{low:+.4f} to {high:+.4f}"
                for low, high in zip(table["ci_low"], table["ci_high"], strict=True)
            ],
            "wins": [f"{wins}/{n}" for wins, n in zip(table["wins"], table["seeds"], strict=True)],
            "prior KL": table["prior_kl"].map("{:.3f}".format),
            "AUC": table["auc"].map("{:.3f}".format),
            "s": table["seconds"].map("{:.0f}".format),
        }
    )


def shown_orders(scores):
    """The orders as text."""
    orders = order_counts(scores)
    return pd.DataFrame(
        {
            "weights read as": orders["weights"],
            "order": orders["order"],
            "seeds": [f"{n}/{of}" for n, of in zip(orders["seeds"], orders["of"], strict=True)],
            "": np.where(orders["published"], "published", ""),
        }
    )


def write_reproduction(scores, folder):
    """Write scores, table, orders, pairs and findings beside the settings; each file whole or absent.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`imbalance.reproduction.reproduce`.
    folder : str or Path
        The folder that it ran in.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder = Path(folder)
    settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    with whole_file(folder / "scores.parquet") as path:
        marked = scores.assign(data=STAND_IN)
        marked[["data", *scores.columns.drop("data", errors="ignore")]].to_parquet(path, index=False)
    for name, table in {
        "table.csv": reproduction_table(scores),
        "orders.csv": order_counts(scores),
        "pairs.csv": pair_counts(scores),
    }.items():
        with whole_file(folder / name) as path:
            table.to_csv(path, index=False)
    write_json(folder / "table.json", reproduction_table(scores).to_dict("records"))
    write_json(folder / "findings.json", findings(scores))
    write_text(folder / "table.md", markdown(scores, settings))
