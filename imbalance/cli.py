"""The command `imbalance`: parse, call one function, print where the result is.

Boosters and tables are imported inside the commands, because the help of a command must not wait for them.
"""

from __future__ import annotations

import math
import shlex
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

import airq
from airq.cluster import on_cluster
from airq.commands.options import ALL_CORES, Cluster, Jobs, Json
from airq.report import console
from airq.terminal import exit_cleanly, notes, progress

app = typer.Typer(
    name="imbalance",
    help="What to do when the class that matters is rare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Seed = Annotated[int, typer.Option(min=0, help="Seed: the same input and seed give the same figures.")]
Target = Annotated[str | None, typer.Option(help="Column of the classes.")]
TargetPrior = Annotated[str, typer.Option(help="Population to predict for: a=.5,b=.5, balanced or training.")]
Costs = Annotated[str | None, typer.Option(help='"yes>no=20,no>yes=1" charges 20 for a yes taken for a no.')]
Group = Annotated[str | None, typer.Option(help="Column whose equal values stay in one fold.")]
Categorical = Annotated[str | None, typer.Option(help="Columns of numbers that only name something.")]
Drop = Annotated[str | None, typer.Option(help="Columns to leave out.")]
Folder = Annotated[Path, typer.Option(help="Folder of the result; run again to go on after an interruption.")]
Table = Annotated[Path, typer.Argument(help="Table (CSV or Parquet), a row per case.")]
Rows = Annotated[Path, typer.Option("--out", help="File to write, .csv or .parquet; never with formulas.")]
OtherPrior = Annotated[str | None, typer.Option(help="Population: a=.5,b=.5, balanced or training.")]
Model = Annotated[Path, typer.Argument(help="Folder that `imbalance fit` made.")]


def command(example):
    """Return what makes a function a command with an example in its help, and its errors one line."""
    return lambda function: app.command(epilog=f"Example: imbalance {example}")(exit_cleanly(function))


def _version(value: bool):
    if value:
        typer.echo(f"imbalance {airq.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    """What to do when the class that matters is rare."""


@command("compare loans.csv --target default --target-prior no=.7,yes=.3 --out result")
def compare(
    out: Folder,
    file: Annotated[Path | None, typer.Argument(help="Table (CSV or Parquet), a row per case.")] = None,
    target: Target = None,
    target_prior: TargetPrior = "balanced",
    models: Annotated[str | None, typer.Option(help="logistic, lightgbm, catboost; by default all.")] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="What is done to the rows, separated by commas, or all; see `imbalance strategies`. Some "
            "take a number: drop-majority:1/2, under-sample:2, smote:.3, smote-under:5, bagged-under:2."
        ),
    ] = None,
    ending: Annotated[
        str | None,
        typer.Option(help="What is done to the probabilities: of raw, prior, calibrated, em; or all."),
    ] = None,
    costs: Costs = None,
    scoring: Annotated[str | None, typer.Option(help="Further scores: recall@0.05, scikit-learn's.")] = None,
    group: Group = None,
    categorical: Categorical = None,
    drop: Drop = None,
    suite: Annotated[str | None, typer.Option(help="Sets instead of FILE, see `imbalance datasets`.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often the folds are dealt.")] = 2,
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
    cluster: Cluster = None,
):
    """Compare what to do about a rare class, to the rows and to the probabilities, on your own table.

    Typical time: everything by default on 10,000 rows of 25 columns, 5 folds dealt twice, some minutes on 2
    cores, of which CatBoost takes most; a few thousand rows, a minute or two.
    """
    if (file is None) == (suite is None):
        raise typer.BadParameter("give either a FILE or --suite")
    if file is not None and target is None:
        raise typer.BadParameter("FILE needs --target, the column of the classes")
    if suite is not None and any(one is not None for one in (target, group, categorical, drop, costs)):
        raise typer.BadParameter("--target, --group, --categorical, --drop and --costs go with FILE only")
    _check(out=out, json=json, inputs={"FILE": file}, folders=["--out"])
    _shares("--target-prior", target_prior)
    rows, ending = (one if one == "all" else listed(one) for one in (rows, ending))
    options = {
        "target": target_prior, "models": listed(models), "rows": rows, "ending": ending,
        "scoring": listed(scoring), "cv": folds, "repeats": repeats, "seed": seed, "n_jobs": jobs,
    }  # fmt: skip
    if suite is not None:
        with on_cluster(cluster):
            _compare_suite(suite, out, json, options)
        return
    from imbalance.comparison.compare import compare as run
    from imbalance.comparison.report import caption, cells, narrow_columns, write_comparison
    from imbalance.reading import read_labelled

    data = read_labelled(file, target=target, group=group, categorical=listed(categorical), drop=listed(drop))
    with on_cluster(cluster), progress("Comparing") as advance:
        comparison = run(
            data.X, data.y, groups=data.groups, costs=_costs(costs), out=out,
            title=f"{file.name}: {target}", notes=data.notes, advance=_estimated(advance, jobs), **options,
        )  # fmt: skip
    comparison.settings["table"] = data.asked
    write_comparison(comparison, out)
    columns = narrow_columns(comparison.table, screen.width)
    print_table(*cells(comparison.table, columns), n_words=2)
    say(caption(comparison, columns), style="dim")
    _finish(json, comparison.table, comparison.findings, comparison.notes)
    best = shlex.join(["imbalance", "fit", str(file), "--like", str(out), "--out", "model"])
    say(f"Written to {out}. Fit the best: {best}")


def _compare_suite(suite, out, json, options):
    from imbalance.datasets.suite import CAPTION, compare_suite, write_suite

    with progress("Comparing") as advance:
        result = compare_suite(suite, out=out, advance=_estimated(advance, options["n_jobs"]), **options)
    write_suite(result, out)
    print_table(*result.cells(), n_words=3, sections=True)
    say(CAPTION, style="dim")
    _finish(json, result.table, result.findings, result.notes, out=out)


def _estimated(advance, n_jobs):
    """Return `advance` that also says what a comparison takes.

    That is the number of its fits at the start and, after the first, how long the others take at its pace.
    """
    began, there, last = 0.0, 0, math.inf

    def told(done, total, text=""):
        nonlocal began, there, last
        if done <= last:  # another comparison begins
            began, there = time.monotonic(), done
            what, known = f"{text}: " if text else "", f", of which {done:,} are there" if done else ""
            notes.print(f"{what}{total:,} fits{known}; endings share a fit.", markup=False)
        elif done == there + 1 < total:
            left = (time.monotonic() - began) * math.ceil((total - done) / n_jobs)
            what = f"{left / 60:.0f} minutes" if left >= 100 else f"{left:.0f} seconds"
            notes.print(f"About {what} are left if the other fits take as long as the first.", markup=False)
        last = done
        advance(done, total, text)

    return told


@command("fit loans.csv --like result --out model")
def fit(
    file: Table,
    out: Annotated[Path, typer.Option(help="Folder of the model; a model in it is replaced.")],
    target: Target = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a comparison: what is done to rows and probabilities in its best row, and its "
            "model, target, costs and columns, unless they are named here."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="logistic (the default), lightgbm or catboost.")] = None,
    rows: Annotated[str | None, typer.Option(help="Done to the rows, see `imbalance strategies`.")] = None,
    target_prior: OtherPrior = None,
    costs: Costs = None,
    group: Group = None,
    categorical: Categorical = None,
    drop: Drop = None,
    json: Json = None,
    seed: Seed = 0,
):
    """Fit a classifier whose probabilities are calibrated and stand for the population that you name.

    Probabilities are calibrated on held-out rows, then corrected, or as in the best row of --like. The model
    is a folder without pickle: to read it runs no code of whoever made it. Typical time: seconds to a minute.
    """
    if like is None and target is None:
        raise typer.BadParameter("name --target, the column of the classes, or --like, a comparison")
    _check(out=out, json=json, inputs={"FILE": file, "--like": like}, folders=["--out"])
    from imbalance.reading import read_labelled
    from imbalance.serving import best_of, fit_bundle, save_bundle

    how, columns = ({}, {}) if like is None else best_of(like)
    columns |= _named(target=target, group=group, categorical=listed(categorical), drop=listed(drop))
    if "target" not in columns:
        raise ValueError(f"{like} does not say which column holds the classes; name it by --target.")
    table = read_labelled(file, **columns)
    _shares("--target-prior", target_prior)
    how |= _named(model=model, rows=rows, target=target_prior, costs=_costs(costs))
    bundle = fit_bundle(table, **how, seed=seed, title=f"{file.name}: {columns['target']}")
    save_bundle(bundle, out, X=table.X)
    facts = bundle.facts
    _finish(json, facts, [], facts["notes"])
    if like is not None:
        said = {name: one if isinstance(one, str) else ", ".join(one or []) for name, one in columns.items()}
        charged = how.get("costs") or {}
        said["costs"] = ", ".join(f"{true}>{told}={cost:g}" for (true, told), cost in charged.items())
        say(f"As in {like}: {'; '.join(f'{name} {value}' for name, value in said.items() if value)}.")
    shares = ", ".join(f"{name} {share:.3g}" for name, share in facts["target_prior"].items())
    say(
        f"{out}: {facts['model']}, rows {facts['rows']}, {facts['ending']}, for a population with {shares}; "
        f"learned from {len(table.y):,} rows and {table.X.shape[1]} features."
    )


@command("predict model new.csv --keep case --out predictions.csv")
def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(help="Table with the columns that the model learned from.")],
    out: Rows,
    target_prior: OtherPrior = None,
    keep: Annotated[str | None, typer.Option(help="Columns in front, such as a number of the case.")] = None,
    json: Json = None,
):
    """Predict: a probability for every class, and the class of least expected cost."""
    _check(out=out, json=json, inputs={"MODEL": model, "FILE": file}, rows=True)
    from imbalance.reading import check_columns, read_rows
    from imbalance.serving import load_bundle, predict_rows, write_rows

    _shares("--target-prior", target_prior)
    bundle, said = load_bundle(model), []
    kept = tuple(dict.fromkeys(listed(keep) or ()))
    table = read_rows(file, text=kept, columns=bundle.columns, notes=said)
    check_columns(table, kept, file)
    with _naming(file):
        rows, more = predict_rows(bundle, table, target=target_prior, keep=kept)
    write_rows(rows, out)
    _finish(json, rows, [], [*said, *more])
    counts = rows["prediction"].value_counts(sort=False)
    say(f"{out}: {len(rows):,} rows; " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))
    if costs := bundle.facts["costs"]:
        listed_costs = ", ".join(f"{cost:g} for {told} where it is {true}" for true, told, cost in costs)
        say(f"prediction is the label of least expected cost, not the most probable one: {listed_costs}.")


@command("correct scores.csv --columns score --trained .5 --target .05 --out new.csv")
def correct(
    file: Annotated[Path, typer.Argument(help="Table of probabilities, a column or one for every class.")],
    trained: Annotated[
        str,
        typer.Option(
            help="Class shares that they stand for, as in training: no=.5,yes=.5. For one column, the share "
            "of its class: .5."
        ),
    ],
    target: Annotated[str, typer.Option(help="Class shares of the population, in the same way.")],
    out: Rows,
    columns: Annotated[
        str | None,
        typer.Option(help="Their columns, in the order of --trained; by default p_CLASS, or CLASS."),
    ] = None,
    json: Json = None,
):
    """Correct probabilities that you have to another population; the table gets a column beside each.

    Exact if they are calibrated for the shares in --trained and only the class shares differ.
    """
    _check(out=out, json=json, inputs={"FILE": file}, rows=True)
    from imbalance.reading import check_columns, read_rows
    from imbalance.serving import correct_rows, write_rows

    if columns is None and "=" not in trained:
        raise typer.BadParameter("name the --columns where --trained does not name the classes")
    names = [part.rpartition("=")[0].strip() for part in trained.split(",")]
    trained, target = _paired_shares({"--trained": trained, "--target": target})
    table = read_rows(file)
    chosen = listed(columns) or [name if name in table.columns else f"p_{name}" for name in names]
    check_columns(table, chosen, file)
    with _naming(file):
        corrected = correct_rows(table, chosen, trained=trained, target=target)
    write_rows(corrected, out)
    _finish(json, corrected)
    means = ", ".join(
        f"{name} {corrected[name].mean():.3g} to {corrected[f'{name}_corrected'].mean():.3g}"
        for name in chosen
    )
    say(f"{out}: {len(table):,} rows; means: {means}")


@command("monitor model 2020.csv 2021.csv --by when:month --out shares.csv")
def monitor(
    model: Model,
    files: Annotated[list[Path], typer.Argument(help="Tables without labels; a batch each without --by.")],
    out: Rows,
    by: Annotated[str | None, typer.Option(help="Column of batches, or of dates, as in when:month.")] = None,
    season: Annotated[
        str | None,
        typer.Option(
            help="month or quarter: compare a batch with training rows of its own, of any year. Of several "
            "columns of dates name one, as in when:month."
        ),
    ] = None,
    json: Json = None,
):
    """Estimate the class shares of unlabelled batches; raise an alarm where these do not explain the rows.

    A batch is compared with all rows of training, by predictions that did not know them. Weather and the like
    differ by season: there, fit on whole years of a table with a column of dates (--drop it where the date
    itself tells nothing) and compare by --season. Typical time: a few seconds a batch.
    """
    _check(out=out, json=json, inputs={"MODEL": model, "FILE": files}, rows=True)
    from imbalance import serving
    from imbalance.reading import read_rows

    if len({file.resolve() for file in files}) < len(files):
        raise typer.BadParameter("a file is named twice")
    bundle = serving.load_bundle(model)
    if season is not None and season.rpartition(":")[2] not in serving.SEASONS:
        raise typer.BadParameter(f"--season is {season!r}; it must end in {' or '.join(serving.SEASONS)}")
    dates, season = (None, None) if season is None else serving.season_of(bundle, season, by)
    tables = {str(file): read_rows(file, columns=bundle.columns) for file in files}
    parts = serving.batches(tables, by, dates=dates, months=bundle.months)
    with progress("Batches") as advance, _naming(", ".join(tables)):
        shares, said = serving.watch_shares(bundle, parts, season=season, dates=dates, advance=advance)
    serving.write_rows(shares, out)
    headings, cells = serving.share_cells(shares)
    if cells:
        print_table(headings, cells)
    _finish(json, shares, serving.share_findings(shares, bundle, season=season), said, out=out)


@command("strategies --json strategies.json")
def strategies(json: Json = None):
    """List what may be done to the rows and to the probabilities, the models and the scores."""
    _check(json=json)
    from imbalance.serving import vocabulary

    records = vocabulary()
    cells = [[one["option"], one["name"], one["meaning"]] for one in records]
    print_table(["option", "name", "what it is"], cells, n_words=3, sections=True)
    _finish(json, records)


@command("datasets --suite note --json sets.json")
def datasets(
    suite: Annotated[str, typer.Option(help="quick, note, all, or names separated by commas.")] = "all",
    licences: Annotated[str, typer.Option(help="`full` for a line a set with licences and notes.")] = "short",
    json: Json = None,
):
    """List real imbalanced sets that load offline: rows, ratio, repeats, source family, licence.

    Typical time: ten seconds for all sets.
    """
    from imbalance.comparison.report import headed_cells
    from imbalance.datasets.loading import CAPTION, HEADINGS, dataset_table, install_hint, suite_names

    if licences not in ("short", "full"):
        raise typer.BadParameter("--licences is short or full")
    _check(json=json)
    table, absent = dataset_table(suite_names(suite))
    if len(table):
        print_table(*headed_cells(table, HEADINGS), n_words=2)
        say(CAPTION, style="dim")
    for row in table.itertuples() if licences == "full" else ():
        note = f"; {row.note}" if row.note else ""
        say(f"{row.name}: {row.package} ({row.package_licence}); data: {row.licence}{note}")
    missing = f"{len(absent)} of {len(absent) + len(table)} sets are not here. {install_hint()}"
    _finish(json, table, [], [missing] if absent else [])


@command("reproduce --out published")
def reproduce(out: Folder, json: Json = None, seed: Seed = 0, jobs: Jobs = ALL_CORES):
    """Explain the published comparison of recipes, and repeat its recipes on real tables of three classes.

    Typical time: 4 minutes on 2 cores.
    """
    _check(out=out, json=json, folders=["--out"])
    from imbalance.datasets.published import recipe_cells, recipe_table
    from imbalance.datasets.suite import reproduce as run
    from imbalance.datasets.suite import write_reproduction

    say("Published by its author, on private rows:", style="bold")
    print_table(*recipe_cells())
    with progress("Comparing") as advance:
        result = run(out, seed=seed, n_jobs=jobs, advance=advance)
    write_reproduction(result, out)
    if len(result.table):
        say("The same recipes on real tables, corrected too:", style="bold")
        print_table(*result.cells(), n_words=3, sections=True)
    records = [*recipe_table().to_dict("records"), *result.table.to_dict("records")]
    _finish(json, records, result.findings, result.notes, out=out)


@command("hazard panel.parquet --above 100 --out hazard")
def hazard(
    panel: Annotated[Path, typer.Argument(help="Panel (Parquet) with PM2.5, as `airq ingest` makes it.")],
    above: Annotated[float, typer.Option(help="A day is hazardous where PM2.5 exceeds this. [µg m⁻³]")],
    out: Folder,
    group: Annotated[
        Literal["auto", "city", "site"],
        typer.Option(help="What is held out; auto: cities where there are enough, else sites."),
    ] = "auto",
    rates: Annotated[
        str, typer.Option(help="False alarms to ask for, shares of the other days, separated by commas.")
    ] = ".01,.05,.1",
    methods: Annotated[str | None, typer.Option(help="Regressions and strategies, by commas.")] = None,
    folds: Annotated[int, typer.Option(help="Folds of whole groups.")] = 5,
    recipe: Annotated[
        Literal["retrospective", "live", "reference"],
        typer.Option(help="Features; retrospective ones look ahead, live ones do not."),
    ] = "retrospective",
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
):
    """Compare ways to catch high-pollution days in places without a sensor, at stated false alarms."""
    from airq.io import read_panel
    from airq.panel import origin_warnings, panel_metadata
    from imbalance import hazard as hazards
    from imbalance import hazard_report
    from imbalance.regression import check_rates

    try:
        shares = [float(rate) for rate in listed(rates)]
    except ValueError:
        raise typer.BadParameter(f"--rates must be numbers separated by commas, not {rates!r}") from None
    asked, names = check_rates(shares), listed(methods)
    hazards.choose_methods(names)
    table = read_panel(panel, target="required")
    hazards.check_question(table, above, group=group, cv=folds)
    _check(out=out, json=json, inputs={"PANEL": panel}, folders=["--out"])
    for warning in origin_warnings(panel_metadata(table)):
        notes.print(f"[bold yellow]{warning}[/]")
    with progress("Fitting") as advance:
        found = hazards.compare_hazard(
            table, above, group=group, methods=names, rates=asked, cv=folds, recipe=recipe,
            seed=seed, n_jobs=jobs, out=out, advance=advance,
        )  # fmt: skip
    hazard_report.write_hazard(found, out)
    answer, *others = hazard_report.headlines(found)
    say(answer, style="bold")
    for sentence in others:
        say(f"- {sentence}")
    print_table(*hazard_report.headline_cells(found, room()))
    say(hazard_report.caption(found.settings), style="dim")
    _finish(json, hazard_report.records(found))
    say(f"Written to {out}: every rate and figure stands in table.md")


@command("mismatch --target no=.7,yes=.3 --trained yes=.05,no=.95")
def mismatch(
    target: Annotated[str, typer.Option(help="Class shares to predict for: a=.5,b=.5 or .5,.5.")],
    trained: Annotated[str, typer.Option(help="Those trained on; without names, in the same order.")],
):
    """Print how much log loss a wrong class prior costs at most: a guide, for exact posteriors."""
    from imbalance.probability import kl_divergence

    cost = kl_divergence(*_paired_shares({"--target": target, "--trained": trained}))
    if math.isinf(cost):
        raise ValueError("A class of the target was never trained on; no correction can help.")
    say(f"KL(target, trained) = {cost:.3f} nats: at most so much log loss is lost to the prior (a guide).")


def _paired_shares(texts):
    """Return two lists of shares of the same classes from two options, by name where names are given."""
    one, other = texts
    first, second = (_shares(*option) for option in texts.items())
    if len({isinstance(shares, dict) for shares in (first, second)}) == 2:
        raise typer.BadParameter(f"give names in both, {one} and {other}, or in neither")
    lacking = sorted(set(first) ^ set(second)) if isinstance(first, dict) else []
    if lacking or len(first) != len(second):
        hint = f"; one lacks {lacking[0]!r}" if lacking else ""
        raise typer.BadParameter(f"{one} and {other} must name the same classes{hint}")
    if isinstance(first, dict):
        return [*first.values()], [second[name] for name in first]
    return first, second


def _shares(option, text):
    """Return the shares that an option gives, by class or, but for --target-prior, in order.

    How percent, counts of rows and rounded shares are read is said; what is none of these is refused.
    """
    from imbalance.probability import check_prior, parse_target_prior

    if text is None:
        return None
    named = "=" in text or option == "--target-prior"
    try:
        shares = parse_target_prior(text) if named else list(map(float, text.split(",")))
    except ValueError:
        if named:
            raise
        raise typer.BadParameter(f"{option} must be shares, with or without names, not {text!r}") from None
    values = list(shares.values()) if isinstance(shares, dict) else shares
    if isinstance(shares, str) or len(values) == 1 or math.isclose(sum(values), 1):
        return shares
    read = 100 * check_prior(values, name=f"prior of {option}")
    names = [f"{name} " for name in shares] if isinstance(shares, dict) else [""] * len(values)
    said = ", ".join(f"{name}{share:.3g} %" for name, share in zip(names, read, strict=True))
    _finish(None, None, [], [f"{option} is read as {said}."])
    return shares


def _costs(text):
    """Return costs written as ``yes>no=20,no>yes=1`` by pair."""
    if text is None:
        return None
    costs = {}
    for part in listed(text):
        pair, _, cost = part.rpartition("=")
        true, arrow, told = (name.strip() for name in pair.partition(">"))
        try:
            value = float(cost)
        except ValueError:
            value = None
        if not arrow or value is None:
            raise ValueError(f"--costs: {part!r} is not of the form true>predicted=cost.")
        costs[true, told] = value
    return costs


def _named(**options):
    """Return the options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def _check(*, out=None, json=None, inputs=(), folders=(), rows=False):
    """Refuse outputs that cannot be written, or that are an input, before any work is done."""
    from airq.io import check_outputs

    if rows and out.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"--out must end in .csv or .parquet, not be {out}")
    check_outputs({"--out": out, "--json": json}, dict(inputs), folders=folders)


@contextmanager
def _naming(file):
    """Begin the line of a ValueError with the file that it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _finish(json, records, findings=(), remarks=(), *, out=None):
    """Write records, if asked for, and say sentences, notes and where the result is."""
    if json is not None:
        from airq.io import write_json

        write_json(json, records.to_dict("records") if hasattr(records, "to_dict") else records)
    for sentence in findings:
        say(sentence)
    for remark in remarks:
        notes.print(f"note: {remark}", markup=False)
    if out is not None:
        say(f"Written to {out}")


# What is shown

# A file or a pipe has no width to respect: tables take theirs.
screen = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 110)


def room():
    """Return how many characters a table may take: those of the terminal, or as many as it likes."""
    return screen.width if sys.stdout.isatty() else 10_000


def say(text, style=None):
    """Print a sentence."""
    screen.print(text, markup=False, style=style)


def print_table(headings, rows, **looks):
    """Print text cells as a table of any width, see :func:`airq.report.console.print_table`."""
    console.print_table(headings, rows, on=Console(highlight=False, width=room()), **looks)


def listed(text):
    """Return names separated by commas, or None for none."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def main():
    """Run the console script."""
    app()
