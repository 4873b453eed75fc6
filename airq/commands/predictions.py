"""Commands about predictions: make them, and tell what they rest on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airq.cluster import on_cluster
from airq.commands.options import (
    ALL_CORES,
    OF_A_PANEL,
    Cluster,
    Jobs,
    Json,
    Model,
    PanelFile,
    RecipeName,
    Seed,
    check_files,
    refuse_given,
    split_schemes,
    write_records,
)
from airq.report.console import print_predictions, print_table, print_written, screen
from airq.terminal import exit_cleanly, notes, progress

Period = StrEnum("Period", ["day", "month", "year"])


@exit_cleanly
def predict(
    ctx: typer.Context,
    panel: PanelFile,
    out: Annotated[Path | None, typer.Option(help="Predictions to write (.parquet or .csv).")] = None,
    raster: Annotated[
        Path | None,
        typer.Option(help="GeoTIFF to write, for the cells of a grid: a band a day, and interval."),
    ] = None,
    zarr: Annotated[Path | None, typer.Option(help="Zarr store (folder) to write, likewise.")] = None,
    mask_outside: Annotated[
        bool, typer.Option("--mask-outside", help="No data on maps outside the area of applicability.")
    ] = False,
    bundle: Annotated[Path | None, typer.Option(help="Trained bundle.")] = None,
    model_file: Annotated[
        Path | None, typer.Option(help="CatBoost model (.cbm) saved elsewhere, instead of a bundle.")
    ] = None,
    recipe: Annotated[RecipeName, typer.Option(help="Features of --model-file.")] = RecipeName.reference,
    unit: Annotated[
        str | None, typer.Option(help="Unit of --model-file, such as aqi-us-2012 or µg/m³.")
    ] = None,
    period: Annotated[Period, typer.Option(help="What a row stands for.")] = Period.day,
    coverage: Annotated[float, typer.Option(help="Coverage of the intervals, such as 0.9.")] = 0.9,
    monitors: Annotated[
        Path | None,
        typer.Option(
            help="Panel with PM2.5 of monitors on these days, used in addition to the training monitors."
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="About how much to use, such as 2GB; 600 MB by default, whatever the rows."),
    ] = None,
    json: Json = None,
    cluster: Cluster = None,
):
    """Predict PM2.5 for the places and days of a panel; of a grid (`airq places --grid`), draw maps.

    PANEL may be a folder of panels, by country, month or any split; then --out may be a folder, too, and gets
    a part for each. What does not fit into the memory is predicted in blocks; interrupt it, run it again, and
    it goes on.
    """
    _refuse_what_does_not_apply(ctx)
    inputs = {"PANEL": panel, "--bundle": bundle, "--model-file": model_file, "--monitors": monitors}
    _check_outputs(panel, {"--out": out, "--raster": raster, "--zarr": zarr, "--json": json}, inputs)
    from airq.models.intervals import check_coverage
    from airq.workflows.predict_blocks import parse_bytes

    check_coverage(coverage)
    most = None if memory is None else parse_bytes(memory)
    if raster is not None or zarr is not None:
        panel = _grid_panel(panel, raster, zarr)
    if model_file is not None:
        from airq.workflows.predict import predict_with_model_file

        rows = predict_with_model_file(panel, model_file, unit=unit, recipe=recipe.value, period=period.value)
        figures = _write_rows(rows, out, raster, zarr, mask_outside)
    else:
        from airq.regressor import load
        from airq.report.words import validation_sentence

        regressor = load(bundle)
        if raster is None and zarr is None:
            figures = _predict_panel(regressor, panel, out, coverage, period.value, monitors, most, cluster)
        else:
            rows = regressor.predict_table(panel, coverage, period.value, monitors=monitors)
            notes.print(rows.attrs["airq"]["intervals"])
            figures = _write_rows(rows, out, raster, zarr, mask_outside)
        notes.print(validation_sentence(regressor.metadata_["evaluation"]))
    write_records(json, [figures.of()])
    print_predictions(figures, out or raster or zarr)
    if out is not None:
        print_written(raster, zarr)


def _refuse_what_does_not_apply(ctx):
    """Refuse options of `airq predict` that do not go together."""
    given = ctx.params
    maps = given["raster"] is not None or given["zarr"] is not None
    if given["out"] is None and not maps:
        raise typer.BadParameter("predict needs --out, --raster or --zarr, to have something to write")
    if not maps:
        refuse_given(ctx, ["mask_outside"], "without --raster or --zarr")
    if (given["bundle"] is None) == (given["model_file"] is None):
        raise typer.BadParameter("give either --bundle or --model-file")
    if given["bundle"] is not None:
        refuse_given(ctx, ["recipe", "unit"], "with --bundle, which has its own")
        if maps:
            refuse_given(ctx, ["memory", "cluster"], "to maps, which are drawn in memory")
        return
    refuse_given(ctx, ["memory", "cluster"], "with --model-file, which works in one piece")
    refuse_given(ctx, ["coverage"], "with --model-file, which has no intervals")
    refuse_given(ctx, ["monitors"], "with --model-file, which knows only its features")
    if given["unit"] is None:
        raise typer.BadParameter("--model-file needs --unit, because a model file does not hold its own")


def _check_outputs(panel, outputs, inputs):
    """Check what `airq predict` is to write, before anything is read."""
    from airq.workflows.predict_blocks import check_parts, is_folder
    from airq.workflows.rasters import ZARR_MARK

    out, folders = outputs["--out"], {"--zarr": ZARR_MARK}
    if out is not None and is_folder(out):
        folders["--out"] = None
    check_files(outputs, inputs, folders=folders)
    if out is not None:
        check_parts(panel, out)


def _predict_panel(regressor, panel, out, coverage, period, monitors, most, cluster):
    """Predict a panel in blocks; returns the figures of what was written."""
    from airq.workflows.predict_blocks import predict_panel

    with on_cluster(cluster), progress("predicting") as advance:
        metadata, figures = predict_panel(
            regressor, panel, out, coverage, period, monitors=monitors, memory=most, advance=advance
        )
    notes.print(metadata["intervals"])
    return figures


def _write_rows(rows, out, raster, zarr, mask_outside):
    """Write predictions that are in memory to all outputs; returns their figures."""
    from airq.models.predictions import Figures, write_predictions
    from airq.workflows.rasters import write_raster, write_zarr

    if raster is not None:
        write_raster(rows, raster, mask_outside=mask_outside)
    if zarr is not None:
        write_zarr(rows, zarr, mask_outside=mask_outside)
    if out is not None:
        write_predictions(rows, out)
    figures = Figures()
    figures.add(rows)
    return figures


def _grid_panel(panel, raster, zarr):
    """Read a panel whose places are a grid; refuse another, or a missing package, before the work."""
    from airq.grids import grid_of
    from airq.io import read_panel
    from airq.workflows.rasters import check_packages, check_raster_name

    check_packages(raster, zarr)
    if raster is not None:
        check_raster_name(raster)
    panel = read_panel(panel)
    grid_of(panel.drop_duplicates("site_id"))
    return panel


@exit_cleanly
def explain(
    ctx: typer.Context,
    panel: PanelFile,
    bundle: Annotated[
        Path | None, typer.Option(help="Trained bundle; --drop-products takes its model, recipe and seed.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Contributions for this site_id or city, with --date.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Day, such as 2020-03-01.")] = None,
    days_around: Annotated[
        int, typer.Option(min=0, help="With --json: so many days before and after --date, too.")
    ] = 0,
    drop_products: Annotated[
        bool, typer.Option("--drop-products", help="How the error grows without each product, instead.")
    ] = False,
    scheme: Annotated[
        str | None,
        typer.Option(help=f"What --drop-products holds out, of {OF_A_PANEL}; by default city or site."),
    ] = None,
    model: Annotated[
        Model, typer.Option(help="Boosters of --drop-products without --bundle.")
    ] = Model.lightgbm,
    recipe: Annotated[
        RecipeName, typer.Option(help="Features of --drop-products without --bundle.")
    ] = RecipeName.retrospective,
    out: Annotated[Path | None, typer.Option(help="Folder for text, tables and pictures.")] = None,
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
):
    """Print what predictions rest on, why one is what it is, or what each product saves in error.

    PANEL may be a folder of panels, except with --drop-products.
    """
    if drop_products:
        refuse_given(ctx, ["site", "date", "days_around"], "with --drop-products")
        if bundle is not None:
            refuse_given(ctx, ["model", "recipe", "seed"], "with --bundle, which has its own")
    else:
        refuse_given(ctx, ["scheme", "model", "recipe", "seed", "jobs"], "without --drop-products")
        if bundle is None:
            raise typer.BadParameter("explain needs --bundle, unless --drop-products is given")
        if (site is None) != (date is None):
            raise typer.BadParameter("--site and --date go together")
        if days_around and (site is None or json is None):
            raise typer.BadParameter("--days-around goes with --site, --date and --json")
    schemes = split_schemes(scheme)
    marker = "drop_scores.json" if drop_products else "explanation.json"
    inputs = {"PANEL": panel, "--bundle": bundle}
    check_files({"--out": out, "--json": json}, inputs, folders={"--out": marker})
    if drop_products:
        _drop_products(panel, bundle, schemes, model, recipe, out, json, seed, jobs)
    elif site is not None:
        _explain_row(panel, bundle, site, date, days_around, out, json)
    else:
        _explain_all(panel, bundle, out, json)
    print_written(out, json)


def _explain_all(panel, bundle, out, json):
    from airq.panel import PanelMetadata
    from airq.workflows.explain import (
        CAPTION,
        contributions_to,
        importance_rows,
        open_rows,
        write_explanation,
    )

    with notes.status("computing features and contributions"), open_rows(bundle, panel) as (model, rows):
        contributions = contributions_to(model, rows)
        importance = contributions.importance()
        if out is not None:
            metadata = PanelMetadata.from_dict(model.metadata_["panel"])
            write_explanation(contributions, importance, metadata, out)
    write_records(json, importance.to_dict("records"))
    print_table(*importance_rows(importance))
    screen.print(CAPTION, markup=False, style="dim")


def _explain_row(panel, bundle, site, date, days_around, out, json):
    from airq.panel import PanelMetadata
    from airq.report.contributions import contribution_sentences
    from airq.workflows.explain import (
        contributions_to,
        find_row,
        open_rows,
        row_records,
        rows_around,
        write_row_explanation,
    )

    with notes.status("computing features and contributions"), open_rows(bundle, panel) as (model, rows):
        row = find_row(rows, site, date)
        contributions = contributions_to(model, rows)
        table = contributions.table([row])
        around = contributions.table(rows_around(rows, row, days_around))
    if out is not None:
        write_row_explanation(table, rows.places, PanelMetadata.from_dict(model.metadata_["panel"]), out)
    write_records(json, row_records(around))
    screen.print("\n".join(contribution_sentences(table, rows.places)), markup=False)


def _drop_products(panel, bundle, schemes, model, recipe, out, json, seed, jobs):
    from airq.bundle_metadata import read_metadata
    from airq.io import read_panel
    from airq.panel import panel_metadata
    from airq.regressor import PM25Regressor
    from airq.workflows.explain import DROP_CAPTION, drop_product_scores, drop_score_rows, write_drop_scores

    model, recipe = model.value, recipe.value
    if bundle is not None:
        trained = read_metadata(bundle)
        settings, recipe = trained["settings"], trained["recipe"]["name"]
        model, seed = settings["model"], settings["seed"]
    estimator = PM25Regressor(model, recipe, seed)
    with progress("dropping products") as advance:
        scores = drop_product_scores(
            estimator, panel, schemes=schemes, random_state=seed, n_jobs=jobs, advance=advance
        )
    write_records(json, scores.to_dict("records"))
    if out is not None:
        write_drop_scores(scores, panel_metadata(read_panel(panel)), out)
    print_table(*drop_score_rows(scores), n_words=2)
    screen.print(DROP_CAPTION, markup=False, style="dim")
