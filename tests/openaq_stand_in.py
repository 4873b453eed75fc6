"""OpenAQ on this machine, in small: the list of locations and the archive, with faults."""

import contextlib
import gzip
import hashlib
import http.server
import json
import threading
from collections import Counter, defaultdict
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

COLUMNS = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value"


class OpenAQ:
    """State of the server: locations, files, faults, and what was asked."""

    def __init__(self):
        self.locations, self.files, self.etags = [], {}, {}
        self.page_size, self.keys_per_page = 1000, 1000
        self.asked, self.headers = Counter(), []
        #: Path or key -> faults of the next answers: "cut", "wrong", "503", "429", "404", "hang".
        self.faults = defaultdict(list)
        self.lock = threading.Lock()
        self.go = threading.Event()
        self.url = ""

    def add(self, number, latitude, longitude, *, days, offset=3, name=None, country="UG", **facts):
        """Add a location with a file for each of the days; return its hours, by local time at their end."""
        sensors = [{"id": 10 * number + 1, "parameter": {"id": 2, "name": "pm25"}}]
        self.locations.append(
            {
                "id": number,
                "name": name or f"Station {number}",
                "locality": None,
                "country": {"id": 1, "code": country, "name": ""},
                "provider": {"id": 3, "name": "Provider A"},
                "owner": {"id": 4, "name": "Owner A"},
                "isMobile": False,
                "isMonitor": True,
                "sensors": sensors,
                "coordinates": {"latitude": latitude, "longitude": longitude},
                "licenses": [{"id": 41, "name": "CC BY 4.0", "attribution": {"name": "Owner A"}}],
                **facts,
            }
        )
        times = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in days for hour in range(1, 25)])
        hour = np.arange(len(times))
        values = np.round(20 + number + 10 * np.sin(hour / 7) + hour % 24 / 10, 3)
        hours = pd.DataFrame({"datetime": times, "lat": latitude, "lon": longitude, "value": values})
        self.write(number, hours, offset=offset)
        return hours

    def write(self, number, hours, *, offset=3, parameter="pm25", units="µg/m³"):
        """Write the files of some hours of a location, a day each by the hours' begin."""
        zone = f"{'-' if offset < 0 else '+'}{abs(offset):02}:00"
        for day, own in hours.groupby((hours["datetime"] - pd.Timedelta(seconds=1)).dt.normalize()):
            stamps = own["datetime"].dt.strftime("%Y-%m-%dT%H:%M:%S") + zone
            start = f'{number},{10 * number + 1},"Station, {number}"'
            rows = [
                f"{start},{time},{lat},{lon},{parameter},{units},{value}"
                for time, lat, lon, value in zip(stamps, own["lat"], own["lon"], own["value"], strict=True)
            ]
            text = "\n".join([COLUMNS, *rows]) + "\n"
            self.files[key_of(number, day)] = gzip.compress(text.encode(), mtime=0)

    def etag(self, key):
        """Return the entity tag that the archive tells of a file."""
        return self.etags.get(key) or hashlib.md5(self.files[key]).hexdigest()

    def fetched(self):
        """Return the keys of files that were asked for, with how often."""
        return {path: number for path, number in self.asked.items() if path.endswith(".csv.gz")}


def key_of(number, day):
    folder = f"records/csv.gz/locationid={number}/year={day.year}/month={day.month:02}"
    return f"{folder}/location-{number}-{day:%Y%m%d}.csv.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer as OpenAQ and its bucket do."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802
        state, parts = self.server.state, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.lstrip("/")
        name = path or query.get("prefix", "")
        with state.lock:
            state.asked[name] += 1
            state.headers.append((name, dict(self.headers)))
            fault = state.faults[name].pop(0) if state.faults[name] else ""
        if fault == "hang":
            state.go.wait(60)
        if fault.isdigit():
            extra = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"} if fault == "429" else {}
            return self.answer(int(fault), b"{}", **extra)
        if path == "v3/locations":
            return self.locations(query)
        if path == "":
            return self.listing(query)
        if path not in state.files:
            return self.answer(404, b"<Error/>")
        content, etag = state.files[path], state.etag(path)
        if fault == "cut":
            content = content[: len(content) // 2]
        elif fault == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        return self.answer(200, content, ETag=f'"{etag}"')

    def locations(self, query):
        state = self.server.state
        if not self.headers.get("X-API-Key"):
            return self.answer(401, b'{"message": "Unauthorized. A valid API key must be provided."}')
        if "coordinates" in query:
            lat, lon = map(float, query["coordinates"].split(","))
            reach = int(query["radius"]) / 1000
        else:
            west, south, east, north = map(float, query["bbox"].split(","))
        found = []
        for one in state.locations:
            position = one["coordinates"]
            y, x = position["latitude"], position["longitude"]
            if "coordinates" in query:
                near = 111.2 * np.hypot(y - lat, (x - lon) * np.cos(np.radians(lat))) <= reach
            else:
                near = west <= x <= east and south <= y <= north
            found += [one] if near else []
        limit, page = min(int(query["limit"]), state.page_size), int(query["page"])
        results = found[limit * (page - 1) : limit * page]
        more = f">{limit}" if len(found) > limit * page else len(results)
        meta = {"page": page, "limit": limit, "found": more}
        return self.answer(200, json.dumps({"meta": meta, "results": results}).encode())

    def listing(self, query):
        state = self.server.state
        keys = sorted(key for key in state.files if key.startswith(query["prefix"]))
        start = int(query.get("continuation-token", 0))
        own, rest = keys[start : start + state.keys_per_page], keys[start + state.keys_per_page :]
        token = f"<NextContinuationToken>{start + len(own)}</NextContinuationToken>" if rest else ""
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{state.etag(key)}&quot;</ETag>"
            f"<Size>{len(state.files[key])}</Size></Contents>"
            for key in own
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<KeyCount>{len(own)}</KeyCount><IsTruncated>{str(bool(rest)).lower()}</IsTruncated>"
            f"{token}{entries}</ListBucketResult>"
        )
        return self.answer(200, text.encode())

    def answer(self, status, content, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextlib.contextmanager
def serving(state):
    """Serve on a port of this machine."""
    server = Server(("127.0.0.1", 0), Handler)
    server.state, state.url = state, f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
