"""Write south_africa.parquet from the predictions that johnowhitaker/air_quality_prediction published.

Run ``python data/make_south_africa.py SOURCE`` from the repository, where SOURCE is a copy of
za_cities_predictions.csv, perhaps with .gz behind it, or its address (the file is :data:`ADDRESS`).
"""

import json
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airq.io import atomic_write
from airq.sources.open_meteo import read_reference

HERE = Path(__file__).parent
REPOSITORY = "github.com/johnowhitaker/air_quality_prediction"
ADDRESS = (
    "https://raw.githubusercontent.com/johnowhitaker/air_quality_prediction/"
    "94474d704ffb4062b3a19ec42498150bb8045b8c/Data/results/za_cities_predictions.csv"
)
#: Column -> unit; empty for text.
UNITS = {
    "city_id": "",
    "city": "",
    "country": "",
    "latitude": "°",
    "longitude": "°",
    "date": "",
    "aqi": "aqi-us-2012",
    "aqi_table": "",
}
FACTS = {
    "title": "{places} places in South Africa, {first} to {last}: published predictions of a model",
    "description": "Real places and days, but no measurements: a model of 2020 predicted them from "
    "satellites and weather. The numbers are points of the US air-quality index (table of 2012) for "
    "PM2.5, daily medians; they are no concentrations.",
    "method": "Predicted by CatBoost from values of the place and of days before and after. Its report names "
    "errors of 27 AQI points (RMSE) and 19 (mean absolute) in cities that it had not seen.",
    "unit": "aqi-us-2012",
    "period": "day",
    "statistic": "median",
    "sources": [
        "World Air Quality Index project: daily medians of the PM2.5 index of 555 cities",
        "Google Earth Engine: Sentinel-5P, GFS weather, night lights, population",
    ],
    "licence": f"Predictions: CC0 1.0, J. Whitaker, {REPOSITORY}.",
    "cite": f"J. Whitaker (2020). air_quality_prediction. https://{REPOSITORY} (CC0 1.0)",
    "usual_city": "ZAF:Johannesburg",
}


def main(source, out=HERE / "south_africa.parquet"):
    panel = read_published(source)
    rows = panel.assign(aqi_table=FACTS["unit"])[list(UNITS)]
    facts = {
        **FACTS,
        "title": FACTS["title"].format(
            places=rows["city_id"].nunique(), first=rows["date"].min().year, last=rows["date"].max().year
        ),
    }
    fields = [(name, {"unit": unit} if unit else None) for name, unit in UNITS.items()]
    table = pa.Table.from_pandas(rows, preserve_index=False)
    schema = pa.schema(
        [table.schema.field(name).with_metadata(unit) for name, unit in fields],
        metadata={"airq": json.dumps(facts, ensure_ascii=False)},
    )
    with atomic_write(out) as unfinished:
        # Points differ from row to row; all else repeats.
        pq.write_table(
            table.cast(schema),
            unfinished,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in UNITS if name != "aqi"],
            use_byte_stream_split=["aqi"],
        )
    print(f"{Path(out).name}: {len(rows)} rows, {Path(out).stat().st_size} bytes")


def read_published(source):
    """Return the panel of a file or an address; two places share a name, and are told by their position."""
    if not str(source).startswith(("https://", "http://")):
        return read_reference([source]).panel
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / str(source).rsplit("/", 1)[-1]
        with urllib.request.urlopen(source, timeout=60) as answer, open(copy, "wb") as file:
            shutil.copyfileobj(answer, file)
        return read_reference([copy]).panel


if __name__ == "__main__":
    main(*sys.argv[1:])
