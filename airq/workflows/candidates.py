"""The predictors that are trained and compared: ours and its peers."""

from __future__ import annotations

import functools

from airq.features.recipe import GROUPS_FOR_POSITION, make_recipe, raw, reference_method
from airq.models import OURS
from airq.models.applicability import ApplicabilityDomain
from airq.models.ensemble import make_estimator
from airq.models.peer_boosters import AirqoJob, LightgbmDefaults, ReferenceMethod
from airq.models.peers import Climatology, RawColumn, TrainingMean
from airq.models.spread import Spread
from airq.predictor import Predictor


def default_candidate(*, model, recipe, seed=0, tuning=None):
    """Function without arguments that makes our predictor.

    Parameters
    ----------
    model : {"blend", "lightgbm", "catboost"}
        Boosters.
    recipe : {"retrospective", "live", "reference"}
        Features.
    seed : int
        Seed of every fit; each runs in one thread.
    tuning : Tuning, optional
        A search for parameters, done anew on the inner folds of every fit.
    """
    # On a live day no monitor elsewhere has a residual to carry.
    residuals = "ignored" if recipe == "live" else "kriging"
    estimator = functools.partial(make_estimator, model, residuals=residuals, seed=seed, tuning=tuning)
    return functools.partial(
        Predictor,
        functools.partial(make_recipe, recipe),
        estimator,
        groups_for_position=GROUPS_FOR_POSITION,
        spread=Spread,
        domain=ApplicabilityDomain,
    )


def peers(panel, *, seed=0):
    """The peers that a panel supports, by name.

    Parameters
    ----------
    panel : DataFrame
        A checked panel.
    seed : int
        Seed of every fit.

    Returns
    -------
    dict of str to callable
        `mean`, `climatology`, `cams` (where the panel has `cams_pm25`), `lightgbm-defaults`,
        `reference-method` and `airqo-job`.
    """
    found = {"mean": TrainingMean, "climatology": Climatology}
    if "cams_pm25" in panel.columns and panel["cams_pm25"].notna().any():
        found["cams"] = RawColumn
    boosters = {
        "lightgbm-defaults": (raw, LightgbmDefaults),
        "reference-method": (reference_method, ReferenceMethod),
        "airqo-job": (raw, AirqoJob),
    }
    for name, (recipe, estimator) in boosters.items():
        found[name] = functools.partial(Predictor, recipe, functools.partial(estimator, seed=seed))
    return found


def candidates(panel, *, model, recipe, seed=0, chosen=None):
    """Ours, called ``default``, and the chosen peers beside it; all that the panel supports by default.

    Raises
    ------
    ValueError
        If a chosen peer is unknown or the panel cannot support it.
    """
    known = peers(panel, seed=seed)
    for name in chosen or ():
        if name not in known:
            raise ValueError(f"No peer {name!r} for this panel; choose from {', '.join(known)}.")
    ours = {OURS: default_candidate(model=model, recipe=recipe, seed=seed)}
    return ours | {name: known[name] for name in (known if chosen is None else chosen)}
