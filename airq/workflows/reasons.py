"""What can give reasons: a bundle beside a panel, and the row of a site and day. It draws nothing."""

from __future__ import annotations

import datetime
import difflib

import pandas as pd

from airq.bundle import check_fits, load_bundle
from airq.console import notes
from airq.panel import PanelMetadata, panel_metadata
from airq.reasons import Reasons
from airq.workflows.console import tell_trained
from airq.workflows.panels import open_panel
from airq.workflows.products import products_of_columns


def open_reasons(panel_path, bundle, *, panel=None):
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
    reasons : Reasons
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
        made = Reasons(predictor, panel, products_of_columns(list(panel.columns)))
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
