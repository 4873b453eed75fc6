"""A bad file ends a command with one line that names it, and nothing is written."""

import gzip
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import airq.cli
import airq.files.texts
import imbalance.cli

TABLE = "station,day,lat,lon,dust,shade\n" + "".join(
    f"s{n % 3},2020-02-{n + 1:02d},0.{n % 3}1,32.5{n % 3},{20 + n},{n * 7 % 5}.5\n" for n in range(12)
)
MAPPING = """[panel]
pm25_origin = "sensor"
day_basis = "local"
statistic = "mean"
[columns]
site_id = "station"
date = "day"
latitude = "lat"
longitude = "lon"
country = { value = "UGA" }
pm25 = { from = "dust", unit = "µg/m³" }
"""
WAQI = "Date,Country,City,Specie,count,median\n2020-02-01,UG,Kampala,pm25,40,50\n"
OPENAQ = (
    "location_id,location,datetime,lat,lon,parameter,units,value\n"
    "7,Roof,2020-02-01T01:00:00+03:00,0.3,32.6,pm25,µg/m³,20\n"
)
CITIES = "city,country,latitude,longitude,population\nKampala,Uganda,0.32,32.58,1500000\n"
CLASSES = "width,height,colour,sold\n" + "".join(
    f"{n % 7}.5,{n * 3 % 11}.25,{'red' if n % 2 else 'blue'},{'yes' if n % 5 == 0 else 'no'}\n"
    for n in range(40)
)
GOOD = {
    "table.csv": TABLE,
    "mapping.toml": MAPPING,
    "waqi.csv": WAQI,
    "openaq.csv": OPENAQ,
    "cities.csv": CITIES,
    "classes.csv": CLASSES,
}
#: What reads a file -> the command, with the file in place of BAD.
COMMANDS = {
    "table": "ingest BAD --format table --mapping mapping.toml --out out.parquet",
    "waqi": "ingest BAD --format waqi --out out.parquet",
    "openaq": "ingest BAD --format openaq --out out.parquet",
    "cities": "ingest waqi.csv --format waqi --cities BAD --out out.parquet",
    "mapping": "ingest table.csv --format table --mapping BAD --out out.parquet",
    "compare": "compare BAD --target sold --rows none --models logistic --folds 2 --repeats 1 --out out",
    "bundle": "predict table.csv --bundle bundle --out out.parquet",
}


def parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def bomb():
    "3 MB of commas in 3 kB."
    return gzip.compress(b",\n" * 1_500_000, mtime=0)


def swap(text, **lines):
    "Text with some lines, by number from 0, in another form."
    rows = text.splitlines()
    for number, line in lines.items():
        rows[int(number[1:])] = line
    return "\n".join(rows) + "\n"


def bundle(**facts):
    return json.dumps({"format": 4, "hash": "0", "files": {}, **facts})


#: What reads it, name of the file, its content, words of the message.
BAD = [
    # Files that are none, or not what their name says.
    ("table", "t.csv", "", "is empty"),
    ("table", "t.csv", "\ufeff \n\n", "is empty"),
    ("table", "t.csv", "# nothing\n#\n", "comments only"),
    ("table", "t.csv", TABLE.splitlines()[0], "no rows"),
    ("table", "t.csv", TABLE.encode("utf-16"), "not UTF-8"),
    ("table", "t.csv", TABLE.encode("utf-16-le"), "zero bytes"),
    ("table", "t.csv", TABLE.replace("s1", "Ngozi à").encode("latin-1"), "not UTF-8 text (line 3)"),
    ("table", "t.csv", bytes(range(256)), "not UTF-8"),
    ("table", "t.csv", "\0" * 100, "zero bytes"),
    ("table", "t.csv", b"PK\x03\x04xl/workbook.xml", "Excel workbook"),
    ("table", "t.csv", b"PAR1", "Parquet"),
    ("table", "t.csv", gzip.compress(TABLE.encode(), mtime=0), "ends in .gz"),
    ("table", "t.csv.gz", TABLE, "not compressed"),
    ("table", "t.csv.gz", gzip.compress(TABLE.encode() * 200, mtime=0)[:-30], "cut off"),
    ("table", "t.csv.gz", b"\x1f\x8b\x08\x00" + b"\x55" * 50, "cut off or damaged"),
    ("table", "t.csv.gz", bomb(), "more than 0.001 GB"),
    ("table", "t.csv", "1,2\n" * 300_000, "more than 0.001 GB"),
    ("table", "t.parquet", TABLE, "not a whole Parquet"),
    ("table", "t.parquet", b"", "not a whole Parquet"),
    ("table", "t.parquet", parquet(station=["a"])[:-20], "not a whole Parquet"),
    ("table", "t.parquet", parquet(station=[b"\xff"], day=["2020-02-01"]), "not a whole Parquet"),
    ("table", "t.parquet", parquet(**{"day": ["2020-02-01"], " day": ["x"]}), "two columns are called 'day'"),
    ("table", "t.parquet", parquet(station=pa.array([], "string")), "no rows"),
    ("table", "t.parquet", parquet(**{f"c{n}": [n] for n in range(10_001)}), "10,001 columns"),
    ("table", "t.csv", None, "No such file"),
    ("table", "t.csv", os.mkdir, "is a folder"),
    ("table", "t.csv", os.mkfifo, "is a pipe"),
    ("table", "t.csv", lambda path: os.symlink("/dev/zero", path), "is a pipe, a device"),
    ("table", "t.csv", lambda path: os.symlink(path, path), "symbolic link"),
    ("table", "t.csv", lambda path: os.symlink("gone.csv", path), "No such file"),
    # Tables whose rows or headers do not fit.
    (
        "table",
        "t.csv",
        swap(TABLE, l5=TABLE.splitlines()[5] + ",9"),
        "line 6 has 7 cells, its header in line 1 has 6",
    ),
    ("table", "t.csv", swap(TABLE, l3=TABLE.splitlines()[3] + ",,9"), "line 4 has 8 cells"),
    (
        "table",
        "t.csv",
        swap(TABLE, l0="station,day,lat,lon,dust"),
        "line 2 has 6 cells, its header in line 1 has 5",
    ),
    (
        "table",
        "t.csv",
        swap(TABLE, l4='"s1,2020-02-04,0.01,32.50,23,1.5'),
        "quotation marks that begin in line 5",
    ),
    ("table", "t.csv", swap(TABLE, l0="station,day,day,lat,lon,dust"), "day"),
    ("table", "t.csv", swap(TABLE, l0="station,date,lat,lon,dust,shade"), "no column 'day'"),
    ("table", "t.csv", TABLE.split("\n", 1)[1], "no column"),
    ("table", "t.csv", "place,North\nkind,roof\n\nwhen,where,what\n1,2,3\n4,5,6\n", "no column|line 4"),
    ("table", "t.csv", ",".join(f"c{n}" for n in range(10_001)) + "\n1\n", "10,001 columns"),
    ("table", "t.csv", "<html><body>502, try again, later</body></html>\n", "is a web page"),
    ("table", "t.csv", TABLE.replace("2020-02-", "31/02/"), "'day'"),
    ("table", "t.csv", TABLE.replace("32.5", "east"), "coordinates"),
    # Formats with columns of their own.
    ("waqi", "w.csv", swap(WAQI, l0="Day,Country,City,Specie,count,median"), "no column 'Date'"),
    ("waqi", "w.csv", WAQI.replace(",", ";").replace("pm25", "p;m25"), "line 2 has 7 cells"),
    ("waqi", "w.csv", WAQI.replace("2020-02-01", "yesterday"), "yesterday"),
    ("waqi", "w.csv", OPENAQ, "looks like --format openaq|no column"),
    ("openaq", "o.csv", OPENAQ.replace("parameter,units", "parameter,"), "no column 'units'"),
    ("openaq", "o.csv", OPENAQ.replace(",20\n", ",many\n"), "not numbers|not a number|none of"),
    ("openaq", "o.json", "", "is empty"),
    ("openaq", "o.json", '{"results": [', "not whole JSON"),
    ("openaq", "o.json", '{"results": []}', "no results"),
    ("openaq", "o.json", "[" * 100_000, "nested too deeply"),
    ("openaq", "o.json", '{"results": [' + "7" * 5_000 + "]}", "too many digits"),
    ("openaq", "o.json.gz", b"{}", "not compressed"),
    ("openaq", "o.json", "[]", "no results"),
    # City tables.
    ("cities", "c.csv", "", "is empty"),
    ("cities", "c.csv", CITIES.splitlines()[0], "no rows"),
    ("cities", "c.xlsx", CITIES, "a .csv, .tsv, .txt or .parquet file"),
    ("cities", "c", CITIES, "a .csv, .tsv, .txt or .parquet file"),
    (
        "cities",
        "c.csv",
        CITIES.replace("latitude", "breadth"),
        "no column 'latitude'. It has city, country, breadth",
    ),
    ("cities", "c.csv", CITIES.replace("population", "latitude"), "two columns are called 'latitude'"),
    ("cities", "c.csv", CITIES.replace("Kampala", " "), "rows without a city"),
    ("cities", "c.csv", CITIES.replace("1500000", "-5"), "population of 'Kampala' is -5"),
    ("cities", "c.csv", CITIES.replace("1500000", "many"), "population of 'Kampala' is many"),
    ("cities", "c.csv", CITIES.replace("0.32", "north"), "latitude of 'Kampala' is not a number"),
    ("cities", "c.csv", CITIES.replace("0.32", "inf"), "latitude of 'Kampala'"),
    ("cities", "c.csv", CITIES.replace("Uganda", "Atlantis"), "Unknown country 'Atlantis'"),
    ("cities", "c.csv", CITIES + CITIES.splitlines()[1], "repeats the city"),
    ("cities", "c.csv", os.mkfifo, "is a pipe"),
    ("cities", "c.parquet", b"PAR1PAR1", "not a whole Parquet"),
    # Mappings.
    ("mapping", "m.toml", "", "is empty"),
    ("mapping", "m.toml", "[columns\n", "not TOML"),
    ("mapping", "m.toml", "a = " + "[" * 20_000, "nested too deeply"),
    ("mapping", "m.toml", "a = " + "9" * 5_000, "too many digits"),
    ("mapping", "m.toml", MAPPING.encode("utf-16"), "not UTF-8"),
    ("mapping", "m.toml", MAPPING + 'date = "again"\n', "not TOML"),
    ("mapping", "m.toml", '{"columns": {}}', "not TOML"),
    ("mapping", "m.toml", os.mkfifo, "is a pipe"),
    ("mapping", "m.toml", MAPPING.replace("µg/m³", "furlongs"), "furlongs"),
    # Tables of classes.
    ("compare", "k.csv", "", "is empty"),
    ("compare", "k.csv", CLASSES.replace("sold", "slod", 1), "no column 'sold'. Did you mean slod"),
    ("compare", "k.csv", swap(CLASSES, l7="1.5,2.5,red,"), "1 of 40 rows have no value in 'sold'"),
    ("compare", "k.csv", CLASSES.replace("yes", "no"), "one class only"),
    ("compare", "k.csv", CLASSES.replace("yes", "y" * 500), "more than 200 characters"),
    ("compare", "k.csv", swap(CLASSES, l2="inf,2.5,red,no"), "'width' holds infinite numbers"),
    ("compare", "k.csv", swap(CLASSES, l2="1,2,red,no,no"), "line 3 has 5 cells"),
    (
        "compare",
        "k.csv",
        CLASSES.replace("colour", "width", 1).replace("width", "sold", 1),
        "two columns are called",
    ),
    ("compare", "k.csv", ",sold\n" + "".join(f"{n},{n % 2}\n" for n in range(30)), "No column is left"),
    ("compare", "k.csv", "sold,v\n" + "".join(f"{n / 7},1\n" for n in range(30)), "looks continuous"),
    ("compare", "k.csv", os.mkfifo, "is a pipe"),
    ("compare", "k.csv.gz", bomb(), "more than 0.001 GB"),
    ("compare", "k.parquet", CLASSES, "not a whole Parquet"),
    # Bundles.
    ("bundle", "bundle/bundle.json", "", "bundle.json is damaged"),
    ("bundle", "bundle/bundle.json", "{", "not whole JSON"),
    ("bundle", "bundle/bundle.json", "[" * 100_000, "nested too deeply"),
    ("bundle", "bundle/bundle.json", '{"a": ' + "1" * 5_000 + "}", "too many digits"),
    ("bundle", "bundle/bundle.json", b"\xff\xfe{}", "not UTF-8"),
    ("bundle", "bundle/bundle.json", "[]", "bundle format None"),
    ("bundle", "bundle/bundle.json", bundle(format=2), "bundle format 2"),
    ("bundle", "bundle/bundle.json", bundle(), "was changed after training"),
    ("bundle", "bundle/bundle.json", os.mkfifo, "no bundle.json"),
    ("bundle", "bundle/other.json", "{}", "no bundle.json"),
]


def put(path, content):
    "Make the file of a case: text, bytes, by a function, or not at all."
    path.parent.mkdir(exist_ok=True)
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def listing():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)


def run(kind, name):
    command = [name if word == "BAD" else word for word in COMMANDS[kind].split()]
    return CliRunner().invoke((imbalance if kind == "compare" else airq).cli.app, command)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "A folder with good files, in which the commands run; a megabyte is the most that is read."
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIRQ_DEBUG", raising=False)
    monkeypatch.setattr(airq.files.texts, "MOST_BYTES", 1_000_000)
    for name, content in GOOD.items():
        put(tmp_path / name, content)
    return tmp_path


@pytest.mark.parametrize(("kind", "name", "content", "words"), BAD, ids=[f"{c[0]}: {c[3][:40]}" for c in BAD])
def test_a_bad_file_is_refused_in_one_line_that_names_it(here, kind, name, content, words):
    "Exit code 1, no traceback, no fault of ours, no file that was not there before."
    put(here / name, content)
    before = listing()
    result = run(kind, name)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert name.split("/")[0] in line
    assert any(word in line for word in words.split("|")), line
    assert "fault of airq" not in line
    assert result.stdout == ""
    assert listing() == before


@pytest.mark.parametrize("kind", ["table", "waqi", "cities", "mapping"])
def test_the_good_files_are_read(kind):
    "So that what is refused above is refused for its fault."
    good = {"cities": "cities.csv", "mapping": "mapping.toml", "waqi": "waqi.csv", "table": "table.csv"}
    assert run(kind, good[kind]).exit_code == 0
    assert os.path.exists("out.parquet")


@pytest.mark.parametrize("package", [airq, imbalance])
def test_every_command_ends_cleanly(package):
    "Each is wrapped by what turns an error into a line."
    for command in package.cli.app.registered_commands:
        assert command.callback.__wrapped__.__module__.startswith(package.__name__)
        assert "exit_cleanly" in command.callback.__code__.co_qualname


@pytest.mark.parametrize("kind", ["lightgbm", "catboost"])
def test_a_model_that_cannot_be_written_is_an_oserror(here, kind):
    "As on a full disk: the library's own error would be a traceback."
    from airq.models.boosters import Booster

    rows, target = np.arange(40.0).reshape(-1, 1), np.arange(40.0)
    library = pytest.importorskip(kind)
    if kind == "lightgbm":
        native = library.train({"verbosity": -1}, library.Dataset(rows, target), num_boost_round=2)
    else:
        native = library.CatBoostRegressor(iterations=2, verbose=False, allow_writing_files=False)
        native.fit(rows, target)
    with pytest.raises(OSError, match="nowhere.*cannot be written"):
        Booster(kind, native).save(here / "nowhere" / "model")
