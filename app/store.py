"""Predictions as the pages ask for them: a day of all cities, all days of a city, means, shares.

The values lie in a memory-mapped array (quantity, city, day); whatever is asked is a slice or a
reduction of it, so that memory stays flat however many sessions look at it.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from airq.units import PM25_UNIT, exceedance_column, is_aqi
from app import sources, style
from app.series import MOSTLY, lengths, nan_mean
from app.style import shown

#: A bundled city this near is the same city. [km]
SAME_CITY_KM = 15.0


@dataclass(frozen=True, eq=False)
class Store:
    """Predictions of cities and days.

    Attributes
    ----------
    cities : DataFrame of n_cities rows
        `city_id, city, country, latitude, longitude, population, sites, label`, sorted by
        `city_id`; `label` names the city and its country as the pages show them, each once.
    dates : DatetimeIndex of n_days
        The days that occur (first days of months or years where the rows stand for these), sorted.
    quantities : tuple of str
        Names of what the array holds.
    cube : numpy.ndarray of shape (n_quantities, n_cities, n_days)
        Memory-mapped, NaN where there is no prediction. `pm25, lower, upper` [µg m⁻³], `aqi` [points of
        its table], `inside_domain` and `p_above_<level>` [1].
    facts : dict
        What the file tells of itself; empty for CSV.
    about : dict
        What was found while reading.
    """

    cities: pd.DataFrame
    dates: pd.DatetimeIndex
    quantities: tuple
    cube: np.ndarray
    facts: dict
    about: dict

    def has(self, quantity):
        """Tell whether the array holds at least one value of a quantity."""
        return quantity in self.quantities and self.about["filled"][self.quantities.index(quantity)]

    @property
    def main(self):
        """What the file predicts: ``"pm25"``, or ``"aqi"`` where it holds index points only."""
        return "aqi" if self.has("aqi") and not self.has("pm25") else "pm25"

    @property
    def has_interval(self):
        """Whether predictions of PM2.5 have intervals."""
        return self.main == "pm25" and self.has("lower") and self.has("upper")

    @property
    def unit(self):
        """Unit of :attr:`main`: µg m⁻³, or the name of the index."""
        if self.main == "pm25":
            return PM25_UNIT
        named = [name for name in self.about["aqi_tables"] if is_aqi(name)]
        return named[0] if named else "aqi-us-2012"

    @property
    def period(self):
        """What a row stands for: ``"day"``, ``"month"`` or ``"year"``."""
        told = self.facts.get("period")
        return told if told in ("day", "month", "year") else guess_period(self.dates)

    @property
    def value_words(self):
        """What a value is, such as ``"daily mean"``."""
        words = style.PERIOD_WORDS[self.period]
        return words.replace("mean", "median") if self.facts.get("statistic") == "median" else words

    def told(self, name):
        """Return a text that the file tells of itself under a name; empty where there is none."""
        text = self.facts.get(name)
        return text if isinstance(text, str) else ""

    def outside_training(self):
        """Tell of every date whether it lies outside the days of training: bool, (n_dates,).

        None where the file does not tell these days.
        """
        try:
            first, last = (pd.Timestamp(day) for day in self.facts.get("trained_days") or ())
        except (TypeError, ValueError):
            return None
        return np.asarray((self.dates < first) | (self.dates > last))

    @property
    def level(self):
        """Level of the intervals, such as 0.9; None where it is unknown."""
        return self.about["level"]

    @property
    def trained_on(self):
        """Where the target of the model came from, or ``"unknown"``."""
        return str(self.facts.get("trained_on") or "".join(self.about["origins"][:1]) or "unknown")

    @property
    def simulated(self):
        """Whether the model behind the predictions learned from a simulation."""
        return self.trained_on == "simulated"

    @functools.cached_property
    def day_names(self):
        """All days as ``YYYY-MM-DD``."""
        return tuple(self.dates.strftime("%Y-%m-%d"))

    @functools.cached_property
    def exceedance_thresholds(self):
        """Levels whose probability of exceedance the file holds, in rising order. [µg m⁻³]"""
        named = [name for name in self.quantities if name.startswith(sources.EXCEEDANCE) and self.has(name)]
        return tuple(float(name.removeprefix(sources.EXCEEDANCE)) for name in named)

    @functools.cached_property
    def notes(self):
        """Sentences about what was averaged, left out or is missing."""
        return tuple(_notes(self))

    def how_counted(self, level):
        """Return ``"probability"`` where the file holds that of a level, else ``"prediction"``."""
        probable = self.main == "pm25" and level in self.exceedance_thresholds
        return "probability" if probable else "prediction"

    def array(self, quantity):
        """Return all values of a quantity, of shape (n_cities, n_days); KeyError if the file has none."""
        if quantity not in self.quantities:
            raise KeyError(quantity)
        return self.cube[self.quantities.index(quantity)]

    def row(self, city_id):
        """Return the number of a city's row in :attr:`cities`; KeyError if there is no such city."""
        return self.numbers[city_id]

    @functools.cached_property
    def numbers(self):
        """Number of every city's row by its `city_id`."""
        return {city: number for number, city in enumerate(self.cities["city_id"])}

    @functools.cached_property
    def by_label(self):
        """The `label` of every city by its `city_id`, in the order of the labels, whatever their case."""
        pairs = zip(self.cities["city_id"], self.cities["label"], strict=True)
        return dict(sorted(pairs, key=lambda pair: pair[1].casefold()))

    def nearest(self, row, number=5):
        """Return the distance of the nearest cities of a city by `city_id`, nearest first. [km]"""
        from airq.geo import distances_km

        places = self.cities[["latitude", "longitude"]]
        if places.iloc[row].isna().any():
            return {}
        km = distances_km(places.iloc[[row]], places)[0]
        km[row] = np.nan
        near = np.argsort(km, kind="stable")[:number]
        return {self.cities["city_id"].iloc[one]: float(km[one]) for one in near if np.isfinite(km[one])}

    @functools.cached_property
    def usual_city(self):
        """Identifier of the city to begin with: the one that the file names, else :func:`largest`."""
        named = self.told("usual_city")
        return named if named in self.numbers else largest(self.cities)

    @property
    def cities_as_told(self):
        """The cities as the file tells of them, without what was added for the pages."""
        told = self.cities.assign(population=self.cities["population"].mask(self.cities["filled"]))
        return told.drop(columns=["sites", "trained", "filled", "label"])

    @functools.cached_property
    def weight_words(self):
        """How cities count in the mean of a country; see :func:`by_country`."""
        known = (self.cities["population"] > 0).any()
        if not known:
            return "every city counted alike"
        filled = int(self.cities["filled"].sum())
        return "weighted by people" + (f" (of {filled:,} by the bundled table)" if filled else "")

    def day(self, quantity, date):
        """Return a quantity of all cities on one of :attr:`dates` (else KeyError), of shape (n_cities,)."""
        return np.array(self.array(quantity)[:, self.dates.get_loc(pd.Timestamp(date))])

    def city(self, quantity, city_id):
        """Return a quantity of one city on all days, of shape (n_days,)."""
        return np.array(self.array(quantity)[self.row(city_id)])

    def country(self, quantity, code):
        """Average a country's listed cities on all days, weighted by people, of shape (n_days,)."""
        mine = np.flatnonzero(self.cities["country"] == code)
        return country_means(self.cities.iloc[mine], self.array(quantity)[mine])[0]

    def days(self, start=None, end=None):
        """Return the slice of the days from `start` to `end`, both included; all by default."""
        first = 0 if start is None else self.dates.searchsorted(pd.Timestamp(start))
        last = len(self.dates) if end is None else self.dates.searchsorted(pd.Timestamp(end), side="right")
        return slice(int(first), int(last))

    def days_known(self, start=None, end=None):
        """Count the predictions of every city in a span of days, of shape (n_cities,)."""
        return np.isfinite(self.array(self.main)[:, self.days(start, end)]).sum(axis=1)

    def days_averaged(self, start=None, end=None):
        """Count the days that the mean of every city over a span stands for, of shape (n_cities,)."""
        span = self.days(start, end)
        if self.period == "day":
            return self.days_known(start, end)
        return np.isfinite(self.array(self.main)[:, span]) @ lengths(self.dates[span], self.period)

    def mean(self, quantity, start=None, end=None):
        """Return the mean of every city over the known days of a span, of shape (n_cities,); NaN for none."""
        return nan_mean(self.array(quantity)[:, self.days(start, end)])

    def share_above(self, level, start=None, end=None, *, how="prediction"):
        """Return the share of the known days above a level [in `unit`] for every city, of shape (n_cities,).

        From 0 to 1, NaN where no day is known. `how` says whether to count predictions above the level, or to
        average the probabilities that the file holds (KeyError where it has none): the expected share, which
        a smooth prediction understates.
        """
        if how == "probability":
            return self.mean(exceedance_column(level), start, end)
        values = self.array(self.main)[:, self.days(start, end)]
        known = np.isfinite(values).sum(axis=1)
        with np.errstate(invalid="ignore"):
            above = (values > np.float32(level)).sum(axis=1)
        return np.divide(above, known, out=np.full(len(known), np.nan), where=known > 0)

    def rows(self, city_ids=None, start=None, end=None):
        """Return predictions as rows, for tables and downloads: of all cities and days by default.

        Columns of the city table but `sites` and `label`; `date`, and the quantities that the file holds;
        rows without a prediction are left out.
        """
        numbers = np.arange(len(self.cities)) if city_ids is None else [self.row(one) for one in city_ids]
        span = self.days(start, end)
        dates = self.dates[span]
        rows = self.cities_as_told.iloc[np.repeat(numbers, len(dates))].reset_index(drop=True)
        rows["date"] = np.tile(dates.to_numpy(), len(numbers))
        for name in self.quantities:
            if self.has(name):
                rows[name] = self.array(name)[numbers][:, span].ravel()
        return rows[rows[self.main].notna()].reset_index(drop=True)


def open_store(path):
    """Open a file of predictions; the first time it is laid out in the cache, later it is mapped at once.

    It is Parquet or CSV as `airq predict` writes it. OSError or ValueError if it is no sound table of
    predictions; the message says what to do.
    """
    return map_folder(sources.cached(path))


def map_folder(folder):
    """Return the store in a folder that :func:`app.sources.write_array` filled."""
    folder = Path(folder)
    about = json.loads((folder / sources.FACTS).read_text(encoding="utf-8"))
    return Store(
        cities=with_labels(with_population(pd.read_parquet(folder / sources.CITIES))),
        dates=pd.DatetimeIndex(np.array(about["dates"], dtype="datetime64[us]")),
        quantities=tuple(about["quantities"]),
        cube=np.load(folder / sources.ARRAY, mmap_mode="r"),
        facts=about["about"],
        about=about,
    )


def with_population(cities):
    """Return the cities with populations of the bundled table where they have none of their own.

    A bundled city gives its population to the nearest city of the file, at most :data:`SAME_CITY_KM` away;
    `filled` says which cities have it from there.
    """
    filled = np.zeros(len(cities), dtype=bool)
    placed = cities[["latitude", "longitude"]].notna().all(axis=1)
    lacking = np.flatnonzero(cities["population"].isna() & placed)
    if len(lacking):
        from airq.cities import bundled_cities
        from airq.geo import nearest

        known = bundled_cities()
        position, distance = nearest(cities.iloc[lacking], known)
        pairs = pd.DataFrame({"row": lacking, "known": position, "km": distance}).sort_values("km")
        pairs = pairs[pairs["km"] <= SAME_CITY_KM].drop_duplicates("known")
        filled[pairs["row"]] = True
        population = cities["population"].to_numpy(dtype="float64", copy=True)
        population[pairs["row"]] = known["population"].to_numpy(dtype="float64")[pairs["known"]]
        cities = cities.assign(population=population)
    return cities.assign(filled=filled)


def with_labels(cities):
    """Return the cities with a `label` to show, which is unique: name, country, position if need be."""
    countries = {code: style.country_name(code) for code in cities["country"].unique()}
    labels = pd.Series(
        [
            f"{shown(city)}, {shown(countries[code])}"
            for city, code in zip(cities["city"], cities["country"], strict=True)
        ],
        index=cities.index,
        dtype="str",
    )
    positions = [
        f" ({latitude:.2f}, {longitude:.2f})"
        for latitude, longitude in zip(cities["latitude"], cities["longitude"], strict=True)
    ]
    for suffix in (positions, " " + cities["city_id"].map(shown)):
        labels = labels.where(~labels.duplicated(keep=False), labels + suffix)
    return cities.assign(label=labels)


def guess_period(dates):
    """Guess what dates stand for: months or years if all are first days of them.

    >>> guess_period(pd.DatetimeIndex(["2019-01-01", "2019-02-01"]))
    'month'
    """
    if len(dates) < 2 or not (dates.day == 1).all():
        return "day"
    return "year" if (dates.month == 1).all() else "month"


def ranking(cities, values, lower=None, upper=None):
    """Rank cities from the highest value to the lowest, those without a value left out.

    `values, lower, upper` have the shape (n_cities,). Columns: `rank` (from 1; equal values share the better
    one), `city_id, city, country, value, best, worst`. `best` and `worst` are the ranks between which a city
    lies where every value lies in its interval [1]_: cities whose whole interval is higher come before it,
    those whose whole interval is lower come after it. A value without an interval is taken as it is.

    References
    ----------
    .. [1] M. Klein, T. Wright, J. Wieczorek, "A joint confidence region for an overall ranking of
       populations", J. R. Stat. Soc. C 69, 589-606, 2020.
    """
    table = cities[["city_id", "city", "country"]].assign(value=np.asarray(values, dtype="float64"))
    for name, ends in (("low", lower), ("high", upper)):
        table[name] = table["value"] if ends is None else ends
        table[name] = table[name].astype("float64").fillna(table["value"])
    table = table.dropna(subset="value").sort_values("value", ascending=False, kind="stable")
    table.insert(0, "rank", table["value"].rank(method="min", ascending=False).astype("int32"))
    low, high = (table.pop(name).to_numpy() for name in ("low", "high"))
    table["best"] = len(table) - np.searchsorted(np.sort(low), high, side="right") + 1
    table["worst"] = len(table) - np.searchsorted(np.sort(high), low, side="left")
    if lower is None:
        table["worst"] = table["best"]
    return table.reset_index(drop=True)


def rank_words(ranked, city_id):
    """Say which rank a city has in what :func:`ranking` made, and between which it may lie."""
    one = ranked.loc[ranked["city_id"] == city_id].iloc[0]
    words = f"Number {one['rank']:,} of {len(ranked):,}, the highest first"
    if one["best"] == one["worst"]:
        return f"{words}."
    return f"{words}; by the intervals between {one['best']:,} and {one['worst']:,}."


def by_country(cities, values):
    """Average the listed cities of every country, weighted by people; cities without a value do not count.

    Columns: `country, value, people, cities, without_population`, sorted by country. Where a country has
    cities with a known population, only these count; else all count alike and `people` is 0.
    """
    known = cities.assign(value=np.asarray(values, dtype="float64")).dropna(subset="value")
    people = known["population"].where(known["population"] > 0)
    counts = {"people": people.fillna(0.0), "cities": 1, "without_population": people.isna()}
    table = pd.DataFrame({"country": known["country"], **counts}).groupby("country", as_index=False).sum()
    table.insert(1, "value", country_means(known, known[["value"]].to_numpy())[:, 0])
    return table


def few_of(cities, values, few):
    """Tell which countries have no class: cities of too few days are over a quarter of them.

    `values` are averaged over the `cities`, `few` says which of these have too few days, both of shape
    (n_cities,); the answer is in the order of :func:`by_country`.
    """
    share = by_country(cities, np.where(np.isnan(values), np.nan, few))["value"]
    return (share > 1 - MOSTLY).to_numpy()


def country_means(cities, values):
    """Average every column of `values`, of shape (n_cities, n_columns), over the cities of each country.

    Cities count by their people; where those that have a value have no known population, all count alike. The
    answer has the shape (n_countries, n_columns), in the order of the countries' codes; NaN where no city has
    a value.
    """
    codes, country = np.unique(cities["country"].to_numpy(dtype="str"), return_inverse=True)
    people = np.nan_to_num(cities["population"].to_numpy(dtype="float64")).clip(0)[:, None]
    there = np.isfinite(values)
    counted = np.zeros((len(codes), values.shape[1]))
    np.add.at(counted, country, there & (people > 0))
    weight = np.where(counted[country] > 0, people, 1.0) * there
    total, weights = np.zeros_like(counted), np.zeros_like(counted)
    np.add.at(total, country, np.where(there, values, 0) * weight)
    np.add.at(weights, country, weight)
    return np.divide(total, weights, out=np.full(total.shape, np.nan), where=weights > 0)


def largest(cities):
    """Return the identifier of the most populous city, or of the first where no population is known."""
    people = cities["population"]
    return cities["city_id"].iloc[int(people.argmax()) if people.notna().any() else 0]


def _notes(store):
    about = store.about
    if several := int((store.cities["sites"] > 1).sum()):
        yield (
            f"{several:,} cities have several sites; their values are the mean of the sites, and so are "
            "the ends of the interval, as if all sites erred together."
        )
    if about["repeated"]:
        yield (
            f"{about['repeated']:,} rows repeat a place and day; their mean is shown where a city "
            "has several sites, else the last one."
        )
    if about["negative"]:
        yield f"{about['negative']:,} negative values were left out."
    if store.main == "aqi":
        yield (
            "This file holds index points (US AQI) and no concentrations. They are shown as points: "
            "levels of the WHO, which are concentrations, do not apply."
        )
    if lost := int(store.cities[["latitude", "longitude"]].isna().any(axis=1).sum()):
        yield f"{lost:,} cities have no position and are missing from the map."
    if store.main == "pm25" and not store.has("lower"):
        yield "This file holds no prediction intervals, so the uncertainty of its numbers is not shown."
    if not store.has("inside_domain"):
        yield "This file does not tell where the model extrapolates."
