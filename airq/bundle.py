"""A fitted predictor as a folder: native booster files, `bundle.json`, `card.md`. No pickle.

Loading verifies the format, the versions and the hash of every file first. A hash is no signature: load
bundles only from people you trust.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import airq
from airq.bundle_metadata import BUNDLE_JSON, FORMAT, read_metadata, write_metadata
from airq.features.recipe import Recipe
from airq.geo import geocentric_km
from airq.io import atomic_folder, json_ready
from airq.messages import installed_versions, near_name
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, check_finite
from airq.models.intervals import Calibration, ResidualScale
from airq.models.monitors import FEATURES
from airq.models.predictions import SAME_PLACE_KM
from airq.models.predictor import Predictor
from airq.panel import PanelMetadata

CARD = "card.md"
CONTEXT = "context.parquet"
CALIBRATION = "calibration.parquet"
#: What describes a prediction, by its name in the metadata.
DESCRIPTIONS = {"residual_scale": ResidualScale, "applicability": AreaOfApplicability}
LIBRARIES = ("lightgbm", "catboost", "numpy", "pandas")


def save_bundle(path, predictor, metadata, card, *, draw=None):
    """Write a bundle, whole or not at all.

    A bundle that is already in the folder `path` is replaced. ``card(metadata)`` returns the text of
    `card.md`; ``metadata["pictures"]`` names the pictures of the evaluation, PNG files that ``draw(folder)``
    writes.
    """
    with atomic_folder(path, marker=BUNDLE_JSON) as folder:
        state = predictor.estimator_.save(folder)
        if len(predictor.context_):
            _write(predictor.context_, folder / CONTEXT)
        if predictor.calibration_ is not None:
            _write(predictor.calibration_.to_table(), folder / CALIBRATION)
        if draw is not None:
            draw(folder)
        parts = {name: getattr(predictor, f"{name}_") for name in DESCRIPTIONS}
        metadata = json_ready(
            {
                **metadata,
                "format": FORMAT,
                "pictures": sorted(file.name for file in folder.glob("*.png")),
                "airq_version": airq.__version__,
                "libraries": installed_versions(LIBRARIES),
                "estimator": state,
                **{name: part.save(folder) if part is not None else None for name, part in parts.items()},
            }
        )
        (folder / CARD).write_text(card(metadata), encoding="utf-8")
        write_metadata(folder, metadata)


def load_bundle(path):
    """Return the predictor of a bundle's folder, ready to predict, and the metadata.

    See :func:`airq.bundle_metadata.read_metadata` for the metadata and what is checked.
    """
    path = Path(path)
    metadata = read_metadata(path)
    predictor = Predictor(recipe=None, estimator=None)
    predictor.recipe_ = Recipe.from_dict(metadata["recipe"])
    if predictor.recipe_.names != metadata["features"]:
        raise ValueError(f"{path} was trained on other features than this version makes; train it again.")
    try:
        _load_parts(predictor, path, metadata)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}); train it again.") from None
    return predictor, metadata


def _load_parts(predictor, path, metadata):
    """Read the files of a bundle, and refuse those that do not fit each other."""
    PanelMetadata.from_dict(metadata["panel"])
    predictor.estimator_ = BoosterEnsemble.load(path, metadata["estimator"])
    for name, kind in DESCRIPTIONS.items():
        setattr(predictor, f"{name}_", kind.load(path, metadata[name]) if metadata[name] else None)
    area, expected = predictor.applicability_, predictor.recipe_.names
    if area is not None:
        if predictor.estimator_.monitors_ is not None:
            expected = [*expected, *FEATURES]
        if area.space_.names != expected:
            raise ValueError(f"{path}: its area of applicability is one of other features.")
    context, calibration = path / CONTEXT, path / CALIBRATION
    predictor.context_ = pq.read_table(context).to_pandas() if context.exists() else pd.DataFrame()
    if len(predictor.context_):
        check_finite(predictor.context_, ["latitude", "longitude"], context)
        predictor.recipe_.surroundings.check_inputs(predictor.context_)
    predictor.calibration_ = None
    if calibration.exists():
        scores = pq.read_table(calibration).to_pandas()
        predictor.calibration_ = Calibration.from_table(scores)
        check_finite(scores, ["score"], calibration)


def check_fits(panel, panel_metadata, metadata):
    """Refuse a panel that a fitted model cannot predict.

    `panel` is a checked panel, `panel_metadata` its :class:`airq.panel.PanelMetadata`; `metadata` is that of
    the model, see :func:`airq.bundle_metadata.read_metadata`. ValueError is raised if an input column is
    missing or holds another unit, days begin at another midnight, or a site carries the name of a training
    place elsewhere.
    """
    check_columns(panel.columns, panel_metadata, metadata)
    check_same_places(panel, metadata["data"]["places"])
    inputs = metadata["recipe_inputs"]
    check_some_input(inputs, [name for name in inputs if panel[name].notna().any()])


def check_some_input(inputs, filled):
    """Refuse a panel of which no input column has a value; `filled` are those that have one."""
    if len(inputs) and not len(filled):
        raise ValueError("Every input column of the panel is empty, so there is nothing to predict from.")


def check_columns(columns, panel_metadata, metadata):
    """Refuse columns that lack an input, or hold another unit or other days than a model was trained on."""
    trained = PanelMetadata.from_dict(metadata["panel"])
    inputs = metadata["recipe_inputs"]
    missing = [name for name in inputs if name not in columns]
    if missing:
        raise ValueError(
            f"The panel lacks {len(missing)} of the bundle's {len(inputs)} input columns, "
            f"first {missing[0]!r}.{near_name(missing[0], set(columns) - set(inputs))}"
        )
    for name in inputs:
        here, there = panel_metadata.units.get(name, "unknown"), trained.units.get(name, "unknown")
        if here != there:
            raise ValueError(f"Column {name!r} is in {here}, but the bundle was trained on {there}.")
    if panel_metadata.day_basis != trained.day_basis:
        raise ValueError(
            f"The panel's days are {panel_metadata.day_basis}, the bundle was trained on "
            f"{trained.day_basis} days; build both on the same."
        )


def check_same_places(panel, places):
    """Refuse a site that carries the name of a training place elsewhere."""
    sites = panel.drop_duplicates("site_id").set_index("site_id")[["latitude", "longitude"]]
    sites = sites.loc[[site for site in sites.index if site in places]]
    if sites.empty:
        return
    there = pd.DataFrame([places[site] for site in sites.index], columns=["latitude", "longitude"])
    moved = np.linalg.norm(geocentric_km(sites) - geocentric_km(there), axis=1) > SAME_PLACE_KM
    if moved.any():
        raise ValueError(
            f"Site {sites.index[moved][0]!r} is not where the training place of that name is; "
            "give new places a site_id of their own."
        )


def _write(table, path):
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)
