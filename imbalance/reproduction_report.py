"""What the stand-ins say to people: sentences that the figures support, tables, a picture, the folder."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from airq.io import atomic_write, write_json, write_text
from imbalance.comparison.report import PAGE, PRIOR_KL, markdown_table
from imbalance.reproduction import SETTINGS_FILE, data_mark, rows_at
from imbalance.reproduction_scores import (
    MIN_SEEDS,
    PUBLISHED_BEST,
    case_names,
    is_trial,
    losses_by_seed,
    mark_of,
    order_counts,
    pair_counts,
    reproduction_table,
)
from imbalance.standin import (
    ASSUMPTIONS,
    CLASSES,
    PUBLISHED,
    READINGS,
    STAND_IN,
    TARGET_PRIOR,
    TRAINING_ROWS,
    TRIAL,
    exact_log_loss,
    prior_in_order,
)

PICTURE = "log_loss.png"
NOT_COMPARABLE = (
    f"A trial on fewer rows than the published {sum(TRAINING_ROWS.values()):,}: its figures say nothing "
    "about the published ones, which are left out."
)


def opening(scale):
    """What must be known before a run at this fraction of the published rows."""
    mark = data_mark(rows_at(scale))
    trial = f" {NOT_COMPARABLE}" * (mark == TRIAL)
    return (
        f"{mark}: simulated tables of the published shape, not the competition's rows.{trial} {ASSUMPTIONS}"
    )


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
    """Sentences that the figures support, and no more; each begins with STAND-IN, a trial's with TRIAL, too.

    The first says what was assumed of the stand-in, since that decides the result.
    """
    table, n, trial = reproduction_table(scores), scores["seed"].nunique(), is_trial(scores)
    sentences = [
        f"measured on {n} simulated table{'s' * (n > 1)}; the competition's rows are private. "
        f"{f'{NOT_COMPARABLE} ' * trial}{ASSUMPTIONS} "
        "Weights are in CatBoost, as published, the others in LightGBM: they differ by learner, too."
    ]
    sentences += [] if trial else _on_the_published(scores, n)
    ours = scores.loc[scores["published"] == "", "strategy"]
    best = PUBLISHED_BEST + ", the published best" * (not trial)
    sentences += [
        f"{row.strategy} below {best}: in {row.wins} of {row.seeds} seeds; mean difference "
        f"{_interval(row.vs_best, row, n)}."
        for row in table[table["strategy"].isin(set(ours))].itertuples()
    ]
    return [f"{mark_of(scores)}: {sentence}" for sentence in sentences]


def _on_the_published(scores, n):
    """How often the published order and its pairs occur."""
    orders, pairs, sentences = order_counts(scores), pair_counts(scores), []
    for reading, meaning in READINGS.items():
        part = orders[orders["weights"] == reading]
        held, first = part[part["published"]].iloc[0], part.iloc[0]
        sentences.append(
            f"with weights read as {reading} ({meaning}): the published order ({held['order']}) occurs in "
            f"{held['seeds']} of {n} seeds; the most frequent one, {first['order']}, in {first['seeds']}."
        )
    certain = pairs[(pairs["weights"] == next(iter(READINGS))) & ~_touches_weights(pairs)]
    return sentences + [
        f"{row.better} below {row.worse}: in {row.holds} of {row.of} seeds; mean difference "
        f"{_interval(row.difference, row, n)}; published {row.published_difference:+.4f}."
        for row in certain.itertuples()
    ]


def _interval(mean, row, n):
    if n < MIN_SEEDS:
        return f"{mean:+.4f} (no interval: {n} seed{'s' * (n > 1)}, {MIN_SEEDS} are needed)"
    return f"{mean:+.4f} (95 % {row.ci_low:+.4f} to {row.ci_high:+.4f})"


def _touches_weights(pairs):
    return (pairs["better"] == "weights") | (pairs["worse"] == "weights")


def markdown(scores, settings):
    """The tables with caption and findings in Markdown."""
    parts = [
        f"# {title(scores)}",
        caption(settings),
        _markdown_table(shown_table(scores)),
        "Orders of the four published strategies:",
        _markdown_table(shown_orders(scores)),
        "\n".join(f"- {sentence}" for sentence in findings(scores)),
    ]
    return "\n\n".join(parts) + "\n"


def title(scores):
    """What it is, for a heading."""
    return f"{'A TRIAL of the' if is_trial(scores) else 'The'} published comparison on a {STAND_IN}"


def caption(settings):
    """What the rows and the figures are."""
    rows, target = settings["training_rows"], settings["target_prior"]
    exact, mark = exact_losses(rows), data_mark(rows)
    best = PUBLISHED_BEST + ", the published best," * (mark == STAND_IN)
    trial = f"{NOT_COMPARABLE} " * (mark == TRIAL)
    return (
        f"{mark}: simulated tables, not the competition's rows, which are private: "
        f"{sum(rows.values()):,} training rows ({', '.join(f'{name} {n:,}' for name, n in rows.items())}), "
        f"121 columns, and {settings['validation_rows']:,} fresh validation rows with the target prior "
        f"({', '.join(f'{name} {share}' for name, share in target.items())}). Exact posteriors lose "
        f"{exact['right_prior']:.3f} with the target prior and {exact['training_prior']:.3f} with the "
        f"training prior. {trial}{ASSUMPTIONS} Log loss in nats; ±: standard deviation "
        f"over seeds; vs: paired difference to {best} with its 95 % t interval, both from "
        f"{MIN_SEEDS} seeds on; wins: seeds below it; prior KL: {PRIOR_KL}; s: seconds, some share a fit."
    )


def _markdown_table(table):
    return markdown_table(list(table.columns), table.to_numpy().tolist())


def shown_table(scores):
    """The table as text, for a terminal or Markdown."""
    table = reproduction_table(scores)
    other, known = table["strategy"] != PUBLISHED_BEST, table["ci_low"].notna()
    ranges = [f"{low:+.4f} to {high:+.4f}" for low, high in table[["ci_low", "ci_high"]].to_numpy()]
    wins = table["wins"].astype(str) + "/" + table["seeds"].astype(str)
    published = {} if is_trial(scores) else {"published": _text(table["published"], "{:.4f}")}
    return pd.DataFrame(
        {
            "strategy": table["strategy"],
            "model": table["model"],
            **published,
            mark_of(scores): _text(table["log_loss"], "{:.4f}"),
            "±": _text(table["log_loss_sd"].where(table["seeds"] >= MIN_SEEDS), "{:.4f}"),
            f"vs {PUBLISHED_BEST}": _text(table["vs_best"].where(other), "{:+.4f}"),
            "95 %": pd.Series(ranges).where(other & known, "-"),
            "wins": wins.where(other, "-"),
            "prior KL": table["prior_kl"].map("{:.3f}".format),
            "AUC": table["auc"].map("{:.3f}".format),
            "s": table["seconds"].map("{:.0f}".format),
        }
    )


def shown_orders(scores):
    """The orders as text."""
    orders = order_counts(scores)
    shown = pd.DataFrame(
        {
            "weights read as": orders["weights"],
            "order": orders["order"],
            "seeds": [f"{n}/{of}" for n, of in zip(orders["seeds"], orders["of"], strict=True)],
        }
    )
    if is_trial(scores):
        return shown
    return shown.assign(**{"": np.where(orders["published"], "published", "")})


def _text(figures, form):
    return figures.map(form.format).where(figures.notna(), "-")


def page(scores, settings):
    """The same as a page that shows the picture beside it."""
    table, picture = shown_table(scores), f"{mark_of(scores)}: log loss of every strategy"
    return PAGE.format(
        title=html.escape(title(scores)),
        sentences="\n".join(_tagged("p", sentence) for sentence in findings(scores)),
        heading="".join(_tagged("th", name) for name in table.columns),
        rows="\n".join(
            f"<tr>{''.join(_tagged('td', value) for value in row)}</tr>" for row in table.to_numpy().tolist()
        ),
        caption=html.escape(caption(settings)),
        notes="",
        pictures=f'<p><img src="{PICTURE}" alt="{html.escape(picture)}"></p>',
    )


def _tagged(tag, text):
    return f"<{tag}>{html.escape(str(text))}</{tag}>"


def loss_picture(scores):
    """Log loss of every strategy on every stand-in, their mean and the published one. [nats]"""
    losses = losses_by_seed(scores)
    order = losses.mean().sort_values(ascending=False).index
    figure = Figure(figsize=(9, 1.8 + 0.32 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(order))
    for seed, (_, row) in enumerate(losses[order].iterrows()):
        axes.plot(row, places, "o", color="0.7", markersize=4, label="a seed" if seed == 0 else None)
    axes.plot(losses[order].mean(), places, "|", color="k", markersize=14, label="mean")
    published = scores.assign(case=case_names(scores)).drop_duplicates("case").set_index("case")["published"]
    marks = published[order].map(PUBLISHED).to_numpy(dtype="float64")
    if not is_trial(scores):
        axes.plot(marks, places, "x", color="#a50026", label="published, on the rows that are private")
    axes.set_yticks(places, order)
    axes.set(xlabel="log loss under the target prior [nats]")
    axes.grid(axis="x", color="0.92")
    axes.set_title(f"Simulated tables ({len(losses)} seeds)", fontsize=10)
    figure.suptitle(mark_of(scores), color="#a50026", fontsize=11)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


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
    with atomic_write(folder / "scores.parquet") as path:
        scores.to_parquet(path, index=False)
    for name, table in {
        "table.csv": reproduction_table(scores),
        "orders.csv": order_counts(scores),
        "pairs.csv": pair_counts(scores),
    }.items():
        with atomic_write(folder / name) as path:
            table.to_csv(path, index=False)
    write_json(folder / "table.json", reproduction_table(scores).to_dict("records"))
    write_json(folder / "findings.json", findings(scores))
    write_text(folder / "table.md", markdown(scores, settings))
    write_text(folder / "table.html", page(scores, settings))
    with atomic_write(folder / PICTURE) as path:
        loss_picture(scores).savefig(path, dpi=110)
