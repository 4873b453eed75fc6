"""Which product a column of a panel comes from, as far as its name tells.

What can give reasons: a bundle beside a panel, and the row of a site and day. It draws nothing.

Explain a bundle: what its predictions rest on, and the reasons for a single one.

The price of a product: how the error on held-out places grows when its columns are dropped.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import math
from dataclasses import dataclass, field

import pandas as pd

from airq.bundle import check_fits, load_bundle
from airq.bundle_metadata import read_metadata
from airq.io import atomic_folder, check_replaceable, check_writable, write_json, write_text
from airq.messages import notes, progress
from airq.models import OURS
from airq.models.explanation import N_COLUMNS, Contributions, contribution_sentences
from airq.models.predictor import default_candidate
from airq.panel import TARGET, PanelMetadata, feature_columns, origin_warning, panel_metadata
from airq.report.charts import contribution_bars, dependence_curves, drop_score_bars, importance_bars
from airq.report.console import tell_trained
from airq.report.words import markdown_table
from airq.sources.earthengine.catalogue import PRODUCTS, column_units
from airq.units import PM25_UNIT
from airq.validation.evaluation import evaluate, plan_folds
from airq.validation.scores import bootstrap_difference, rmse
from airq.workflows.evaluate import refuse_unsupported
from airq.workflows.panels import open_panel, open_training_panel
from airq.workflows.train import calibration_scheme

POSITION = "position"
WEATHER = "weather"

#: Key in the catalogue -> name of the group, where several products serve one purpose.
_GROUPS = {
    **dict.fromkeys(["era5", "era5-rain", "gfs", "gfs-2025", "gfs-rain", "reference-gfs"], WEATHER),
    "reference-aer-ai": "aerosol-index",
}
#: Words before the first underscore of foreign tables' columns: layers of Sentinel-5P, Airathon's AOD.
_WORDS = {
    "NitrogenDioxide": "no2",
    "CarbonMonoxide": "co",
    "Formaldehyde": "hcho",
    "SulphurDioxide": "so2",
    "Ozone": "o3",
    "UvAerosolIndex": "aerosol-index",
    "Cloud": "cloud",
    "Optical": "maiac",
    "Column": "maiac",
    **dict.fromkeys(
        [
            *(
                "temp",
                "temperature",
                "apparent",
                "relative",
                "humidity",
                "wind",
                "rain",
                "snowfall",
                "pressure",
            ),
            *(
                "precipitation",
                "precipitable",
                "sunrise",
                "sunset",
                "sunshine",
                "daylight",
                "shortwave",
                "et0",
            ),
            "weather",
        ],
        WEATHER,
    ),
}
#: Open-Meteo's fields of the CAMS model; beside them the aerosol optical depth is the model's, too.
_CAMS_FIELDS = ("carbon_monoxide", "nitrogen_dioxide", "sulphur_dioxide", "ozone", "dust", "pm10")
_CAMS_FIELDS += ("uv_index", "uv_index_clear_sky")
_AOD = ("aod047", "aod055")


def products_of_columns(columns):
    """Name of the product that each column of a panel comes from.

    Parameters
    ----------
    columns : sequence of str
        Columns of one panel.

    Returns
    -------
    dict of str to str
        For a column of the catalogue the product's key, without the marks of a stream (``-nrti``) or
        a recipe (``reference-``); ``weather`` for ERA5, GFS and other weather; ``position`` for
        coordinates. A foreign column takes the product that the word before its first underscore
        means, or that word itself.

    Examples
    --------
    >>> products_of_columns(["no2", "temp_air", "Ozone_cloud_fraction", "myband_b2"])
    {'no2': 'no2', 'temp_air': 'weather', 'Ozone_cloud_fraction': 'o3', 'myband_b2': 'myband'}
    >>> products_of_columns(["aod055"]), products_of_columns(["aod055", "dust"])
    ({'aod055': 'maiac'}, {'aod055': 'cams', 'dust': 'cams'})
    """
    known = _of_catalogue()
    if any(name in columns for name in _CAMS_FIELDS):
        known |= dict.fromkeys([*_CAMS_FIELDS, *_AOD], "cams")
    words = {name: name.split("_")[0] for name in columns}
    return {name: known.get(name, _WORDS.get(words[name], words[name])) for name in columns}


def _of_catalogue():
    known = dict.fromkeys(["latitude", "longitude"], POSITION)
    for key, product in PRODUCTS.items():
        plain = key.removesuffix("-nrti").removeprefix("reference-")
        for column in column_units(product, quality=True):
            known.setdefault(column, _GROUPS.get(key, plain))
    return known


def open_contributions(panel_path, bundle, *, panel=None):
    """A bundle ready to give reasons for the rows of a panel, its facts, and what must be known of it.

    Parameters
    ----------
    panel_path : str or Path
        Panel with the bundle's input columns.
    bundle : str or Path
        Folder of the bundle.
    panel : DataFrame, optional
        The checked panel, where it is open.

    Returns
    -------
    reasons : Contributions
    facts : dict
        Facts of the bundle.
    metadata : PanelMetadata
        Of the panel that the bundle was trained on.
    """
    panel = open_panel(panel_path) if panel is None else panel
    predictor, facts = load_bundle(bundle)
    check_fits(panel, panel_metadata(panel), facts)
    tell_trained(facts, panel)
    with notes.status(f"features of {len(panel):,} rows"):
        made = Contributions(predictor, panel, products_of_columns(list(panel.columns)))
    return made, facts, PanelMetadata.from_dict(facts["panel"])


def find_row(panel, site, date):
    """Number of the row of a site and day.

    Parameters
    ----------
    panel : DataFrame
        A checked panel.
    site : str
        `site_id`.
    date : str
        Day, such as 2020-03-01.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is none, with the nearest names or days.
    """
    day = _day(date)
    mine = panel["site_id"] == site
    if not mine.any():
        raise ValueError(f"The panel has no site {site!r}.{_near_sites(panel, site)}")
    found = mine & (panel["date"] == day)
    if found.any():
        return int(found.to_numpy().argmax())
    days = panel.loc[mine, "date"]
    nearest = days.iloc[(days - day).abs().argsort().iloc[0]]
    raise ValueError(
        f"The panel has no {day:%Y-%m-%d} for site {site!r}; its nearest day is {nearest:%Y-%m-%d} "
        f"(it has {len(days):,}, {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d})."
    )


def _day(date):
    try:
        return pd.Timestamp(datetime.date.fromisoformat(str(date)))
    except ValueError:
        raise ValueError(f"{date!r} is not a day; write it like 2020-03-01.") from None


def _near_sites(panel, site):
    """Hint at sites of that city, or of similar names."""
    of_city = panel.loc[panel["city"].str.lower() == site.lower(), "site_id"].unique()
    if len(of_city):
        return f" Sites in {site}: {', '.join(of_city[:5])}{' …' if len(of_city) > 5 else ''}"
    names = panel["site_id"].unique()
    near = difflib.get_close_matches(site, names, n=3, cutoff=0.4) or list(names[:3])
    return f" Near names: {', '.join(near)}"


RECORDS = "explanation.json"
CAPTION = (
    "Importance: mean size of the contribution to a prediction, in µg m⁻³. Contributions (TreeSHAP) sum to "
    "the prediction exactly; within a group they are summed before their size is taken. They say what the "
    "model uses, not what its error would be without it (see `airq explain --prices`), nor what pollutes."
)
DEPENDENCE_CAPTION = (
    "Dependence: mean prediction when a column, its values on other days and its means around, are set to "
    "one value in every row. It is the model's response, not an effect of nature."
)


@dataclass
class Explanation:
    """What a bundle's predictions of a panel rest on.

    Attributes
    ----------
    importance : DataFrame
        See :meth:`airq.models.explanation.Contributions.importance`.
    dependence : DataFrame
        See :meth:`airq.models.explanation.Contributions.dependence`; empty where it was not asked for.
    """

    importance: pd.DataFrame
    dependence: pd.DataFrame = field(default_factory=pd.DataFrame)


def explain(panel_path, *, bundle, out=None, json_path=None):
    """What the predictions of a bundle rest on: importance by product, column and feature.

    Parameters
    ----------
    panel_path : str or Path
        Panel with the bundle's input columns.
    bundle : str or Path
        Folder of the bundle.
    out : str or Path, optional
        Folder for explanation.json, explanation.md, tables and pictures, those of partial dependence
        among them.
    json_path : str or Path, optional
        File for the records of importance.

    Returns
    -------
    Explanation
    """
    _check_outputs(out, json_path)
    made, facts, metadata = open_contributions(panel_path, bundle)
    with notes.status("taking predictions apart"):
        found = Explanation(made.importance())
    if out is not None:
        # Places lie where monitors are; a latitude without its longitude is nowhere.
        table = found.importance[found.importance["by"] == "column"]
        inside = table["name"].isin(made.panel.columns) & (table["product"] != POSITION)
        columns = table.loc[inside, "name"].tolist()
        with notes.status("asking how the model responds"):
            found.dependence = made.dependence(columns[:N_COLUMNS])
        _write(found, metadata, out)
    if json_path is not None:
        write_json(json_path, importance_records(found))
    return found


def explain_row(panel_path, *, bundle, site, date, out=None, json_path=None):
    """The reasons for the prediction of one site and day.

    Parameters
    ----------
    panel_path, bundle
        As for :func:`explain`.
    site : str
        `site_id`.
    date : str
        Day, such as 2020-03-01.
    out : str or Path, optional
        Folder for explanation.json, explanation.md and the picture.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    table : DataFrame
        See :meth:`airq.models.explanation.Contributions.of`.
    sentences : list of str
        The same in words.

    Raises
    ------
    ValueError
        If the panel has no such site or day, with the nearest that it has.
    """
    _check_outputs(out, json_path)
    panel = open_panel(panel_path)
    row = find_row(panel, site, date)
    made, facts, metadata = open_contributions(panel_path, bundle, panel=panel)
    table = made.of([row])
    sentences = contribution_sentences(table, panel.iloc[row])
    records = table.to_dict("records")
    if out is not None:
        figure = contribution_bars(table, sentences[0], metadata)
        with atomic_folder(out, marker=RECORDS) as folder:
            write_json(folder / RECORDS, _plain(records))
            warning = origin_warning(metadata)
            lines = ["# Contributions for a prediction", warning, f"```\n{chr(10).join(sentences)}\n```"]
            write_text(folder / "explanation.md", "\n\n".join(filter(None, lines)) + "\n")
            figure.savefig(folder / "reasons.png", dpi=120)
    if json_path is not None:
        write_json(json_path, _plain(records))
    return table, sentences


def importance_records(explanation):
    """Records of the importance: `by, name, product, importance, unit, rows`."""
    return explanation.importance.assign(unit=PM25_UNIT).to_dict("records")


def importance_rows(explanation, by="product"):
    """Headings and cells of the table of importance, as text.

    Columns of no weight are left out.
    """
    table = explanation.importance[explanation.importance["by"] == by]
    total = table["importance"].sum()
    rows = [
        [line.name, f"{line.importance:.2f}", f"{100 * line.importance / total:.0f} %"]
        for line in table[table["importance"] > 0].itertuples(index=False)
    ]
    return [by, f"importance [{PM25_UNIT}]", "share"], rows


def _write(found, metadata, out):
    parts = ["# What the predictions rest on", origin_warning(metadata), CAPTION]
    for by in ("product", "column"):
        headings, rows = importance_rows(found, by)
        parts.append(markdown_table(headings, rows[:30]))
    parts.append("![importance](importance.png)")
    with atomic_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, importance_records(found))
        found.importance.to_csv(folder / "importance.csv", index=False)
        importance_bars(found.importance, metadata).savefig(folder / "importance.png", dpi=120)
        if len(found.dependence):
            found.dependence.to_csv(folder / "dependence.csv", index=False)
            dependence_curves(found.dependence, metadata).savefig(folder / "dependence.png", dpi=120)
            parts += [f"![dependence](dependence.png)\n\n{DEPENDENCE_CAPTION}"]
        write_text(folder / "explanation.md", "\n\n".join(filter(None, parts)) + "\n")


def _check_outputs(out, json_path):
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=RECORDS)
    if json_path is not None:
        check_writable(json_path)


def _plain(records):
    return [
        {**record, "date": f"{record['date']:%Y-%m-%d}", "contribution_unit": PM25_UNIT} for record in records
    ]


DROP_RECORDS = "prices.json"
DROP_CAPTION = (
    "Price: RMSE without the product's columns minus RMSE with them, in µg m⁻³, on the same held-out places, "
    "each time fitted anew; interval: 95 %, places resampled. What one product says another may say as well, "
    "so a small price means that it can be spared, not that it says nothing, and prices do not add up."
)


class Without:
    """A predictor that never sees some columns.

    Parameters
    ----------
    candidate : callable
        Makes the predictor.
    columns : sequence of str
        Columns of the panel that are hidden from it.
    """

    def __init__(self, candidate, columns):
        self.predictor = candidate()
        self.columns = list(columns)

    def fit(self, panel, groups):
        """Learn from the panel without the columns."""
        self.predictor.fit(panel.drop(columns=self.columns), groups)
        return self

    def predict(self, panel):
        """PM2.5 of every row. [µg m⁻³]"""
        return self.predictor.predict(panel.drop(columns=self.columns))


def prices(
    panel_path,
    *,
    schemes=None,
    bundle=None,
    model="lightgbm",
    recipe="retrospective",
    seed=0,
    n_jobs=1,
    out=None,
    json_path=None,
):
    """The price of every product of a panel.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    schemes : sequence of str, optional
        What is held out; by default what training keeps together, cities or sites.
    bundle : str or Path, optional
        Bundle whose model, recipe and seed are taken instead of the next three.
    model, recipe : str
        See :func:`airq.models.predictor.default_candidate`.
    seed, n_jobs : int
        Seed, and number of processes.
    out : str or Path, optional
        Folder for prices.json, prices.md and pictures.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    list of dict
        See :func:`drop_scores`.
    """
    panel = open_training_panel(panel_path)
    for path in filter(None, [out, json_path]):
        check_writable(path)
    if out is not None:
        check_replaceable(out, marker=DROP_RECORDS)
    if bundle is not None:
        facts = read_metadata(bundle)
        model, recipe, seed = facts["settings"]["model"], facts["recipe"]["name"], facts["settings"]["seed"]
    if schemes is None:
        schemes = [calibration_scheme(panel)]
    # Neither the size of errors nor the domain is asked for.
    make = functools.partial(
        default_candidate(model=model, recipe=recipe, seed=seed), residual_scale=None, applicability=None
    )
    records = drop_scores(panel, make, schemes, seed=seed, n_jobs=n_jobs)
    if json_path is not None:
        write_json(json_path, records)
    if out is not None:
        write_drop_scores(records, panel_metadata(panel), out)
    return records


def drop_scores(panel, candidate, schemes, *, products=None, seed=0, n_jobs=1):
    """Fit a candidate with and without every product and compare on held-out places.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    candidate : callable
        Makes a fresh predictor.
    schemes : sequence of str
        Names from :data:`airq.validation.splitters.SCHEMES`.
    products : dict of str to str, optional
        Column -> product; by the columns' names where it is not given.
    seed, n_jobs : int
        Seed of the folds, and number of processes.

    Returns
    -------
    list of dict
        `scheme, product, columns, price, ci_low, ci_high` [µg m⁻³], `resampled, rmse, rmse_without, n,
        unit`, the highest price first within a scheme. A price above zero means that the product
        helps.

    Raises
    ------
    ValueError
        If the panel supports none of the schemes or has one product only.
    """
    inputs = feature_columns(panel)
    by_column = products_of_columns(inputs) if products is None else products
    columns = {}
    for name in inputs:
        columns.setdefault(by_column.get(name, name), []).append(name)
    columns.pop(POSITION, None)
    if len(columns) < 2:
        raise ValueError(
            f"Every input column belongs to the product {next(iter(columns))!r}; without it nothing is left."
        )
    folds, skipped = plan_folds(panel, schemes, seed=seed)
    for scheme, reason in skipped.items():
        notes.print(f"[yellow]skipped[/] {scheme}: {reason}")
    refuse_unsupported(folds, skipped)
    contenders = {OURS: candidate}
    contenders |= {
        _without(product): functools.partial(Without, candidate, names) for product, names in columns.items()
    }
    with progress("pricing") as advance:
        evaluation = evaluate(panel, contenders, folds, n_jobs=n_jobs, advance=advance)
    for name, reason in evaluation.skipped.items():
        notes.print(f"[yellow]left out[/] {name}: {reason}")
    records = []
    for scheme, table in evaluation.predictions.groupby("scheme", sort=False):
        found = [
            _price(table, scheme, product, names)
            for product, names in columns.items()
            if _without(product) in table and table[_without(product)].notna().all()
        ]
        records += sorted(found, key=lambda record: -record["price"])
    return records


def _without(product):
    return f"without {product}"


def _price(table, scheme, product, columns):
    rows = table.rename(columns={"observed": TARGET})
    without, whole = rows[_without(product)], rows[OURS]
    difference = bootstrap_difference(rows, without, whole)
    return {
        "scheme": scheme,
        "product": product,
        "columns": columns,
        "price": difference.pop("difference"),
        **difference,
        "rmse": rmse(rows[TARGET], whole),
        "rmse_without": rmse(rows[TARGET], without),
        "n": len(rows),
        "unit": PM25_UNIT,
    }


def drop_score_rows(records):
    """Headings and cells of the table of prices, as text."""
    rows = [
        [
            record["scheme"],
            record["product"],
            str(len(record["columns"])),
            f"{record['rmse_without']:.2f}",
            f"{record['price']:+.2f}",
            _interval(record),
        ]
        for record in records
    ]
    return ["scheme", "product", "columns", "RMSE without", "price", "95 % interval"], rows


def _interval(record):
    if math.isnan(record["ci_low"]):
        return "too few places"
    return f"{record['ci_low']:+.2f} to {record['ci_high']:+.2f}"


def write_drop_scores(records, metadata, out):
    """Write records, text and pictures into a folder."""
    whole = f"RMSE with all products: {', '.join(_with_all(records))} {PM25_UNIT}."
    parts = ["# The price of a product", origin_warning(metadata), DROP_CAPTION, whole]
    with atomic_folder(out, marker=DROP_RECORDS) as folder:
        write_json(folder / DROP_RECORDS, records)
        write_text(
            folder / "prices.md",
            "\n\n".join(filter(None, [*parts, markdown_table(*drop_score_rows(records))])) + "\n",
        )
        for scheme in dict.fromkeys(record["scheme"] for record in records):
            mine = [record for record in records if record["scheme"] == scheme]
            drop_score_bars(mine, metadata).savefig(folder / f"prices_{scheme}.png", dpi=120)


def _with_all(records):
    return list(dict.fromkeys(f"{record['rmse']:.2f} by {record['scheme']}" for record in records))
