"""Names and links that mean harm: shown or refused, never obeyed."""

import contextlib
import csv
import io
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from patience import PATIENCE, wait_until

pytest.importorskip("streamlit")

from airq.workflows import app as workflow
from app import comparisons, downloads, style

PAGES = ["map", "city", "countries", "trust", "imbalance", "data"]
LONG = "Z" * 10_000
#: Names of which every page shows one at each run; the others are long.
FEW = ("img", "link", "long")
NAMES = {
    "img": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "link": "[click](javascript:alert(1)) ![x](http://192.0.2.1/x.png)",
    "directive": ":material/delete: :red[no] $x^2$ `code` **bold**",
    "formula": "=cmd|' /C calc'!A0",
    "plus": '+1+"quoted"',
    "arabic": "\u202eالقاهرة",
    "emoji": "🏙️ Zürich",
    "template": "%{customdata} {x} {{y}}",
    "long": LONG,
}
SHOWN = [
    pytest.param(page, name, marks=[] if page == "map" or name in FEW else pytest.mark.long)
    for page in PAGES
    for name in NAMES
    if name != "emoji"
]
#: Characters of a name that may stand on a page; titles are given more than table cells.
LONGEST_SHOWN = 200
WAYS_OUT = [
    "../../../../etc/passwd",
    "/etc/passwd",
    "\x00",
    "file:///etc/passwd",
    "=1+1",
    LONG,
    "<b>x</b>",
    "",
]
QUERY = ["city", "date", "scale", "palette", "show", "level", "part", "from", "to", "country", "in", "with"]
QUERY += ["as", "beside", "order", "year", "example"]
#: What HTML obeys, and what Markdown obeys beside it.
TAGS = ("<img src=x", "<script>alert")
MARKDOWN = ("](javascript", "](http://192.0.2.1", ":red[", "$x")
#: A cell that begins with one of these is run by a spreadsheet.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
HERE_ONLY = {"0100007F", "00000000000000000000000001000000"}


@pytest.fixture
def rows(make_rows):
    "Each of the names as a city, a country and an identifier, on two days."
    frame = make_rows({key: [10.0, 60.0] for key in NAMES})
    name = frame["city_id"].map(NAMES)
    return frame.assign(city=name, country=name, population=1e6, city_id=frame["city_id"].map(NAMES))


def texts(app):
    "What Markdown or HTML reads on a page, by kind."
    for element in app.main:
        yield from _texts(element)


def _texts(element):
    for child in getattr(element, "children", {}).values():
        yield from _texts(child)
    if element.type in ("markdown", "caption", "title", "header", "subheader", "html", "metric", "alert"):
        yield element.type, str(getattr(element, "value", ""))
    if element.type in ("success", "info", "warning", "error", "expander", "tab"):
        yield element.type, str(getattr(element, "value", "") or getattr(element, "label", ""))
    if getattr(element, "label", None):
        yield "label", str(element.label)


def figures(app):
    "All text in the charts of a page."
    for chart in app.get("vega_lite_chart"):
        yield from _strings(json.loads(chart.proto.spec))


def maps(app):
    "All text in the maps of a page, which the browser draws on a canvas or sets as text: it obeys no tag."
    for drawn in app.get("bidi_component"):
        yield from _strings(json.loads(drawn.proto.json or "{}"))


def _strings(node):
    if isinstance(node, str):
        yield node
    yield from node if isinstance(node, dict) else ()
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _strings(child)


@pytest.mark.parametrize(("page", "name"), SHOWN)
def test_a_name_is_shown_not_obeyed(page, name, draw, rows):
    "No tag, link, image or formula of a name reaches Markdown, HTML or a chart; no name is shown in full."
    app = draw(page, rows, query={"city": NAMES[name], "country": NAMES[name]})
    assert not app.exception
    for kind, said in texts(app):
        bare = re.sub(r"\\.", "", said)
        for harm in TAGS if kind == "html" else TAGS + MARKDOWN:
            assert harm not in bare, (kind, harm, said[:200])
        assert "Z" * LONGEST_SHOWN not in said, kind
        assert "\u202e" not in said, kind
    for frame in app.dataframe:
        cells = [cell for cell in frame.value.to_numpy().ravel() if isinstance(cell, str)]
        assert all("Z" * LONGEST_SHOWN not in cell and "\u202e" not in cell for cell in cells)
    drawn, mapped = list(figures(app)), list(maps(app))
    assert mapped if page == "map" else drawn or page != "city"
    # Charts write text letter by letter; what could be obeyed in them is an address.
    assert not {"href", "url"} & set(drawn)
    for said in drawn + mapped:
        assert "Z" * LONGEST_SHOWN not in said
        assert "\u202e" not in said


def test_what_is_escaped_can_be_read(draw, rows):
    "The card of a city whose name is a tag shows the tag, letter by letter."
    app = draw("map", rows, query={"city": NAMES["img"]})
    assert NAMES["img"] in app.metric[0].label.replace("\\", "")
    beside = draw("city", rows, query={"city": NAMES["script"], "with": NAMES["img"]})
    assert any("&lt;img src=x" in said for kind, said in texts(beside) if kind == "html")


@pytest.mark.parametrize("page", ["map", *(pytest.param(page, marks=pytest.mark.long) for page in PAGES[1:])])
def test_a_link_that_means_harm_gives_words(page, draw, make_rows):
    "Whatever stands in the address bar is refused in words, on every page, for every name."
    rows = make_rows({"kla": [10.0, 60.0], "nbo": [30.0, 31.0]})
    path = None
    for value in WAYS_OUT:
        app = draw(page, None if path else rows, path=path, query=dict.fromkeys(QUERY, value))
        assert not app.exception, value[:40]
        assert_harmless(app)


@pytest.mark.parametrize("page", PAGES[1:])
def test_a_link_of_many_harms_gives_words(page, draw, make_rows):
    "The same with another value for every name, all in one address."
    query = dict(zip(QUERY, itertools.cycle(WAYS_OUT), strict=False))
    app = draw(page, make_rows({"kla": [10.0, 60.0], "nbo": [30.0, 31.0]}), query=query)
    assert not app.exception
    assert_harmless(app)


def assert_harmless(app):
    "No markup and no endless word of the address on the page."
    for kind, said in texts(app):
        assert "<b>x</b>" not in said, kind
        assert "Z" * LONGEST_SHOWN not in said, kind


OPENED = []


def _listen(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "glob.glob", "os.mkdir", "subprocess.Popen") and OPENED:
        OPENED.append(str(arguments))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_from_the_address_bar_reaches_the_file_system(page, draw, make_rows):
    "Every file that is opened, listed or run while a page is drawn: none has the word of the link in it."
    if not OPENED:
        sys.addaudithook(_listen)
    word = "a-word-of-the-link"
    OPENED[:] = ["listening"]
    draw(page, make_rows({"kla": [10.0, 60.0]}), query=dict.fromkeys(QUERY, f"../{word}"))
    seen, OPENED[:] = list(OPENED), []
    assert len(seen) > 1
    assert not [one for one in seen if word in one]


@pytest.mark.parametrize("name", [*NAMES.values(), "-2+3", "\t=1", "\r=1", "@sum"])
def test_a_download_has_no_formulas(name):
    "A name goes out whole, with an apostrophe in front where a spreadsheet would run it; numbers stay."
    written = comparisons.as_csv(pd.DataFrame({"city": [name], name or "x": [-1.5]})).decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(written, newline=""))
    assert row[:2] == [style.for_csv(name), "-1.5"]
    assert header[1] == style.for_csv(name)
    assert not row[0].startswith(FORMULAS)


@pytest.mark.parametrize("kind", ["csv", "parquet", "geojson"])
def test_predictions_go_out_as_data(kind, rows):
    "Every name comes back whole from each format; in CSV no cell begins a formula, and -3 stays -3."
    rows = rows.assign(latitude=-3.0)
    told = {"unit": "µg m⁻³", "trained_on": "=1+1", "notes": ["</script>"]}
    written = downloads.WRITERS[kind](rows, told)
    if kind == "csv":
        header, *cells = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))
        assert {row[header.index("latitude")] for row in cells} == {"-3.0"}
        words = [cell for row in cells for cell in row if not style.NUMBER.fullmatch(cell)]
        assert not [cell for cell in words if cell.startswith(FORMULAS)]
        found = {row[header.index("city")] for row in cells}
        assert found == set(map(style.for_csv, NAMES.values()))
    elif kind == "parquet":
        assert set(pd.read_parquet(io.BytesIO(written))["city"]) == set(NAMES.values())
    else:
        features = json.loads(written)["features"]
        assert {feature["properties"]["city"] for feature in features} == set(NAMES.values())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    "A server as `airq app` starts it, in an environment that asks for the opposite; yields its port."
    folder = tmp_path_factory.mktemp("server")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\n[browser]\ngatherUsageStats = true\n'
    )
    wishes = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true"}
    port = workflow.free_port(8760)
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            command(port),
            cwd=folder,
            env=os.environ | wishes,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def command(port):
    "What `airq app` runs, asked for in a process that does not know the folder of the tests."
    ask = "import json, sys; from airq.workflows import app; "
    ask += "print(json.dumps(app.command({}, port=int(sys.argv[1]), browser=False)))"
    return json.loads(subprocess.check_output([sys.executable, "-c", ask, str(port)], text=True))


def _wait(port, process, log):
    def answers():
        if process.poll() is not None:
            pytest.fail(f"The server did not start: {log.read_text()[-1000:]}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=PATIENCE).close()
            return True
        return False

    wait_until(answers, "The start of the server")


def listening(port):
    "Local addresses, as /proc/net has them, on which a port is listened to."
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        if not path.is_file():
            pytest.skip("no /proc/net here")
        for line in path.read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                yield address.rpartition(":")[0]


@pytest.mark.slow
def test_the_server_listens_to_this_machine_only(server):
    "Its sockets are those of 127.0.0.1 and ::1, although file and environment ask for all addresses."
    found = set(listening(server))
    assert found
    assert found <= HERE_ONLY


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    ["/app/static/../main.py", "/app/static/%2e%2e/main.py", "/app/static/..%2fmain.py", "/../../etc/passwd"],
)
def test_only_the_static_folder_is_served(server, path):
    "A path that leads out of it gives no source code and no file of the machine."
    with socket.create_connection(("127.0.0.1", server), timeout=PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost:{server}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"st.navigation" not in answer
    assert b"root:" not in answer


@pytest.mark.slow
def test_a_page_from_elsewhere_may_not_talk_to_the_server(server):
    "A web socket that another origin opens is refused."
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: localhost:{server}\r\nOrigin: http://evil.example\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(200).decode(errors="replace")
    assert " 403 " in answer.partition("\r\n")[0]
