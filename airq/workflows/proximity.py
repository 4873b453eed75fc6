"""Tell how far cities to predict lie from training, and which scheme's figures apply to them."""

from __future__ import annotations

from airq.cities import read_cities
from airq.files import check_replaceable, check_writable, whole_folder, write_json, write_text
from airq.models.folds import SCHEMES
from airq.models.proximity import PLACE_SCHEMES
from airq.models.proximity import proximity as compare_distances
from airq.proximity_plots import draw_proximity
from airq.proximity_text import proximity_markdown, proximity_records
from airq.workflows.panels import open_training_panel

RECORDS = "proximity.json"


def proximity(
    panel_path, cities_path, *, schemes=PLACE_SCHEMES, buffer_km=50.0, seed=0, out=None, json_path=None
):
    """Compare cities to predict with the held-out places of every scheme; nothing is fitted.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    cities_path : str or Path
        City table (CSV) of the places to predict.
    schemes : sequence of str
        Names from :data:`airq.models.folds.SCHEMES`.
    buffer_km : float
        Distance of the schemes `buffer` and `leave-city-out`. [km]
    seed : int
        Seed of the scheme `block`.
    out : str or Path, optional
        Folder for proximity.json, proximity.md, distances.png and cities.csv (the city table with
        its distances).
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    airq.models.proximity.Proximity

    Raises
    ------
    ValueError
        If panel or city table are unsound, or a scheme is unknown.
    """
    unknown = [scheme for scheme in schemes if scheme not in SCHEMES]
    if unknown:
        raise ValueError(f"Unknown scheme {unknown[0]!r}; choose from {', '.join(SCHEMES)}.")
    cities = read_cities(cities_path)
    panel = open_training_panel(panel_path)
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=RECORDS)
    if json_path is not None:
        check_writable(json_path)
    found = compare_distances(panel, cities, schemes, buffer_km=buffer_km, seed=seed)
    if json_path is not None:
        write_json(json_path, proximity_records(found))
    if out is not None:
        write_proximity(found, out)
    return found


def write_proximity(found, out):
    """Write records, text, plot and the city table with its distances into a folder."""
    with whole_folder(out, marker=RECORDS) as folder:
        write_json(folder / RECORDS, proximity_records(found))
        write_text(folder / "proximity.md", proximity_markdown(found))
        found.cities.to_csv(folder / "cities.csv", index=False)
        draw_proximity(found, folder / "distances.png")
