"""Write the bundled table of cities, or a part of it."""

from __future__ import annotations

from airq.cities import bundled_cities
from airq.files import whole_file


def write_cities(out, *, countries=None, min_population=15000):
    """Write a city table as CSV.

    Parameters
    ----------
    out : str or Path
        File to write.
    countries : list of str, optional
        Names or ISO codes; all by default.
    min_population : float
        Fewest people. [people]

    Returns
    -------
    DataFrame
        The cities written.
    """
    table = bundled_cities(countries=countries, min_population=min_population)
    with whole_file(out) as unfinished:
        table.to_csv(unfinished, index=False)
    return table
