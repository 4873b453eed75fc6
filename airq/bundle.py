"""A trained predictor as a folder: native booster files, `bundle.json`, `card.md`. No pickle.

Loading verifies the format, the versions and the hash of every file first.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import airq
from airq.features.recipe import Recipe
from airq.files import plain_facts, whole_folder
from airq.geography import geocentric_km
from airq.models.applicability import ApplicabilityDomain
from airq.models.ensemble import BoosterEnsemble
from airq.models.intervals import Calibration
from airq.models.spread import Spread
from airq.panel import PanelMetadata, near_name
from airq.predictor import Predictor

FORMAT = 2
FACTS = "bundle.json"
CARD = "card.md"
CONTEXT = "context.parquet"
CALIBRATION = "calibration.parquet"
#: What describes a prediction, by its name in the facts.
DESCRIPTIONS = {"spread": Spread, "domain": ApplicabilityDomain}
#: A site may be this far from where training had it. [km]
SAME_PLACE_KM = 1.0
LIBRARIES = ("lightgbm", "catboost", "numpy", "pandas")


def save_bundle(path, predictor, facts, card, *, draw=None):
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Folder; a bundle that stands there is replaced.
    predictor : Predictor
        A fitted predictor.
    facts : dict
        What else the bundle should tell: metadata of the training panel, evaluation, settings.
    card : callable
        ``card(facts)`` writes the text of `card.md` from the same facts; ``facts["pictures"]`` names the
        pictures in the folder.
    draw : callable, optional
        ``draw(folder)`` writes pictures of the evaluation as PNG files.
    """
    with whole_folder(path, marker=FACTS) as folder:
        state = predictor.estimator_.save(folder)
        if len(predictor.context_):
            _write(predictor.context_, folder / CONTEXT)
        if predictor.calibration_ is not None:
            _write(predictor.calibration_.to_table(), folder / CALIBRATION)
        if draw is not None:
            draw(folder)
        facts = plain_facts(
            {
                "format": FORMAT,
                "pictures": sorted(file.name for file in folder.glob("*.png")),
                "airq_version": airq.__version__,
                "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
                "recipe": predictor.recipe_.to_dict(),
                "features": predictor.recipe_.names,
                "recipe_inputs": predictor.recipe_.inputs,
                "looks_ahead": predictor.looks_ahead,
                "estimator": state,
                **_save_descriptions(predictor, folder),
                **facts,
            }
        )
        (folder / CARD).write_text(card(facts), encoding="utf-8")
        facts["files"] = {file.name: _hash(file.read_bytes()) for file in sorted(folder.iterdir())}
        facts["hash"] = _hash(_canonical(facts))
        (folder / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_facts(path):
    """The facts of a bundle, after all checks.

    Parameters
    ----------
    path : str or Path
        Folder that :func:`save_bundle` made.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no bundle, of another format or version, or if a byte of it has changed.
    """
    path = Path(path)
    if not path.is_dir() or not (path / FACTS).is_file():
        raise ValueError(f"{path} is not a bundle: it has no {FACTS}. Make one with `airq train`.")
    try:
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path / FACTS} is damaged ({error}); train the bundle again.") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise ValueError(
            f"{path} has bundle format {found}; this version of airq reads format {FORMAT}: "
            "train it again, or use the version that made it."
        )
    claimed = facts.pop("hash", None)
    if claimed != _hash(_canonical(facts)):
        raise ValueError(f"{path / FACTS} was changed after training; train the bundle again.")
    _check_files(path, facts["files"])
    _check_versions(path, facts["libraries"])
    return {**facts, "hash": claimed}


def load_bundle(path):
    """Load a bundle.

    Returns
    -------
    predictor : Predictor
        Ready to predict.
    facts : dict
        See :func:`read_facts`.
    """
    path = Path(path)
    facts = read_facts(path)
    predictor = Predictor(recipe=None, estimator=None)
    predictor.recipe_ = Recipe.from_dict(facts["recipe"])
    if predictor.recipe_.names != facts["features"]:
        raise ValueError(f"{path} was trained on other features than this version makes; train it again.")
    predictor.estimator_ = BoosterEnsemble.load(path, facts["estimator"])
    for name, kind in DESCRIPTIONS.items():
        setattr(predictor, f"{name}_", kind.load(path, facts[name]) if facts[name] else None)
    context, calibration = path / CONTEXT, path / CALIBRATION
    predictor.context_ = pq.read_table(context).to_pandas() if context.exists() else pd.DataFrame()
    predictor.calibration_ = (
        Calibration.from_table(pq.read_table(calibration).to_pandas()) if calibration.exists() else None
    )
    return predictor, facts


def check_fits(panel, metadata, facts):
    """Refuse a panel that a bundle's predictor was not trained for.

    Parameters
    ----------
    panel : DataFrame
        A checked panel.
    metadata : PanelMetadata
        Its facts.
    facts : dict
        Facts of the bundle.

    Raises
    ------
    ValueError
        If an input column is missing, holds another unit, days begin at another midnight, or a site
        carries the name of a training place elsewhere.
    """
    trained = PanelMetadata.from_dict(facts["panel"])
    inputs = facts["recipe_inputs"]
    missing = [name for name in inputs if name not in panel.columns]
    if missing:
        raise ValueError(
            f"The panel lacks {len(missing)} of the bundle's {len(inputs)} input columns, "
            f"first {missing[0]!r}.{near_name(missing[0], set(panel.columns) - set(inputs))}"
        )
    for name in inputs:
        here, there = metadata.units.get(name, "unknown"), trained.units.get(name, "unknown")
        if here != there:
            raise ValueError(f"Column {name!r} is in {here}, but the bundle was trained on {there}.")
    if metadata.day_basis != trained.day_basis:
        raise ValueError(
            f"The panel's days are {metadata.day_basis}, the bundle was trained on {trained.day_basis} days; "
            "build both on the same."
        )
    _check_same_places(panel, facts["data"]["places"])
    if len(inputs) and panel[inputs].isna().all(axis=None):
        raise ValueError("Every input column of the panel is empty, so there is nothing to predict from.")


def _check_same_places(panel, places):
    """Refuse a site that carries the name of a training place elsewhere."""
    sites = panel.drop_duplicates("site_id").set_index("site_id")[["latitude", "longitude"]]
    sites = sites.loc[[site for site in sites.index if site in places]]
    if sites.empty:
        return
    there = pd.DataFrame([places[site] for site in sites.index], columns=["latitude", "longitude"])
    moved = np.linalg.norm(geocentric_km(sites) - geocentric_km(there), axis=1) > SAME_PLACE_KM
    if moved.any():
        raise ValueError(
            f"Site {sites.index[moved][0]!r} lies elsewhere than the training place of that name; "
            "give new places a site_id of their own."
        )


def _save_descriptions(predictor, folder):
    parts = {name: getattr(predictor, f"{name}_") for name in DESCRIPTIONS}
    return {name: part.save(folder) if part is not None else None for name, part in parts.items()}


def _write(table, path):
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def _check_files(path, hashes):
    for name, claimed in hashes.items():
        if not (path / name).is_file():
            raise ValueError(f"{path} lacks the file {name}; copy the whole folder or train it again.")
        if _hash((path / name).read_bytes()) != claimed:
            raise ValueError(f"{path / name} was changed after training; train the bundle again.")


def _check_versions(path, libraries):
    for name, trained in libraries.items():
        here = importlib.metadata.version(name)
        if name in ("lightgbm", "catboost") and _release(here) < _release(trained):
            raise ValueError(
                f"{path} was trained with {name} {trained}, but {here} is installed; "
                f"pip install '{name}>={trained}'."
            )


def _release(version):
    return tuple(int(part) for part in version.split(".")[:2])


def _canonical(facts):
    return json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()


def _hash(data):
    return hashlib.sha256(data).hexdigest()
