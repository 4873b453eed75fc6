"""OpenAQ's archive: a bucket of S3 with a gzip CSV a location and day. All values are SIMULATED.

Keys, columns and that times are local ends of hours are documented; belief is that a day's file goes from
01:00 to 24:00, that text is quoted, and how S3 words its errors.
"""

from __future__ import annotations

import base64
import bisect
import csv
import functools
import gzip
import hashlib
import io
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape

BUCKET = "openaq-data-archive"
COLUMNS = ("location_id", "sensors_id", "location", "datetime", "lat", "lon", "parameter", "units", "value")
#: A day's file comes so many days later.
DELAY = 3
ROOT = "records/csv.gz/"
_KEY = re.compile(
    r"records/csv\.gz/locationid=(\d+)/year=(\d{4})/month=(\d{2})/location-(\d+)-(\d{8})\.csv\.gz"
)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Bucket:
    """Files and listings of the archive.

    Parameters
    ----------
    monitors : Monitors
    now : callable
        Returns the moment (naive, UTC).
    """

    def __init__(self, monitors, now):
        self._monitors, self._now = monitors, now

    def file(self, key):
        """Return content and headers of a file, or None if there is no such."""
        found = self._day_of(key)
        if found is None:
            return None
        content = self._content(*found)
        return content, {
            "ETag": _etag(content),
            "Last-Modified": format_datetime(_written(found[1]), usegmt=True),
        }

    def text(self, key):
        """Return the text of a file, as it is before compression; raise KeyError if there is no such."""
        found = self.file(key)
        if found is None:
            raise KeyError(key)
        return gzip.decompress(found[0]).decode()

    def listing(self, query, *, wrong_etag=False):
        """Return status and XML of a listing."""
        try:
            asked = _Listing(query)
        except ValueError as error:
            return 400, error_xml("InvalidArgument", str(error))
        keys, prefixes, last, more = [], [], None, False
        for entry in self._entries(asked):
            if len(keys) + len(prefixes) == asked.most:
                more = True
                break
            last = entry
            (prefixes if entry.endswith("/") else keys).append(entry)
        return 200, self._xml(asked, keys, prefixes, last if more else None, wrong_etag)

    def _entries(self, asked):
        """Return keys, and common prefixes with a delimiter, in order after the token."""
        seen = set()
        keys = self._keys(asked.prefix)
        for key in keys[bisect.bisect_right(keys, asked.after) :]:
            rest = key[len(asked.prefix) :]
            if asked.delimiter and asked.delimiter in rest:
                group = asked.prefix + rest[: rest.index(asked.delimiter) + len(asked.delimiter)]
                if group not in seen and group > asked.after:
                    seen.add(group)
                    yield group
            else:
                yield key

    def _keys(self, prefix):
        """Return all keys with a prefix, in order."""
        last = self._now().date() - timedelta(days=DELAY)
        keys = []
        for monitor in self._monitors:
            base = f"{ROOT}locationid={monitor.id}/"
            if base.startswith(prefix) or prefix.startswith(base):
                keys += [key for key in _days_of(monitor, last) if key.startswith(prefix)]
        return sorted(keys)

    def _xml(self, asked, keys, prefixes, next_after, wrong_etag):
        parts = [
            f"<Name>{BUCKET}</Name><Prefix>{escape(asked.prefix)}</Prefix>",
            f"<KeyCount>{len(keys) + len(prefixes)}</KeyCount><MaxKeys>{asked.most}</MaxKeys>",
            f"<Delimiter>{escape(asked.delimiter)}</Delimiter>" if asked.delimiter else "",
            f"<ContinuationToken>{escape(asked.token)}</ContinuationToken>" if asked.token else "",
            f"<IsTruncated>{'true' if next_after else 'false'}</IsTruncated>",
        ]
        if next_after:
            token = base64.b64encode(next_after.encode()).decode()
            parts.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        for key in keys:
            monitor, day = self._day_of(key)
            content = self._content(monitor, day)
            etag = _etag(content + b"?") if wrong_etag else _etag(content)
            parts.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>{_written(day):%Y-%m-%dT%H:%M:%S.000Z}"
                f"</LastModified><ETag>{escape(etag, {chr(34): '&quot;'})}</ETag><Size>{len(content)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        parts += [f"<CommonPrefixes><Prefix>{escape(group)}</Prefix></CommonPrefixes>" for group in prefixes]
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f"{_HEAD}<ListBucketResult {space}>{''.join(parts)}</ListBucketResult>"

    def _day_of(self, key):
        """Return the monitor and the day of a key, None if there is no such file."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        try:
            day = datetime.strptime(match[5], "%Y%m%d").date()  # noqa: DTZ007
            monitor = self._monitors[int(match[1])]
        except (KeyError, ValueError):
            return None
        late = day > self._now().date() - timedelta(days=DELAY)
        if late or key != key_of(monitor.id, day) or not monitor.measures_on(day):
            return None
        return monitor, day

    @functools.lru_cache(maxsize=100_000)  # noqa: B019  (as long as the server)
    def _content(self, monitor, day):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        quoting.writerows(self._monitors.rows(monitor, day))
        return gzip.compress(text.getvalue().encode(), mtime=0)


class _Listing:
    """Parameters of a listing."""

    def __init__(self, query):
        if query.get("list-type") != "2":
            raise ValueError("Stand-in: only list-type=2")
        self.prefix, self.delimiter = query.get("prefix", ""), query.get("delimiter", "")
        self.token = query.get("continuation-token", "")
        most = query.get("max-keys", "1000")
        if not most.isdigit():
            raise ValueError("Provided max-keys not an integer or within integer range")
        self.most = min(int(most), 1000)
        self.after = query.get("start-after", "")
        if self.token:
            try:
                self.after = base64.b64decode(self.token, validate=True).decode()
            except ValueError:
                raise ValueError("The continuation token provided is incorrect") from None


def key_of(location_id, day):
    """Return the key of a location's file of a day.

    >>> key_of(2178, datetime(2022, 5, 3))
    'records/csv.gz/locationid=2178/year=2022/month=05/location-2178-20220503.csv.gz'
    """
    folder = f"{ROOT}locationid={location_id}/year={day:%Y}/month={day:%m}"
    return f"{folder}/location-{location_id}-{day:%Y%m%d}.csv.gz"


def error_xml(code, message, key=None):
    """Return an error of S3."""
    inside = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if key is not None:
        inside += f"<Key>{escape(key)}</Key>"
    return f"{_HEAD}<Error>{inside}<RequestId>SIMULATED</RequestId><HostId>SIMULATED</HostId></Error>"


@functools.lru_cache(maxsize=10_000)
def _days_of(monitor, last):
    """Return the keys of a monitor's files up to a day."""
    days = (monitor.first + timedelta(days=number) for number in range((last - monitor.first).days + 1))
    return [key_of(monitor.id, day) for day in days if monitor.measures_on(day)]


def _etag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


def _written(day):
    """Return when a day's file was written."""
    later = day + timedelta(days=DELAY)
    return datetime(later.year, later.month, later.day, 2, 30, tzinfo=UTC)
