"""Fetch files of OpenAQ's archive: hourly readings of a location and day, in a public bucket without a key.

A file is kept under its name and checksum once it is what the archive lists. What is there is not fetched
again, so a killed run goes on, and processes side by side only write the same bytes twice.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import re
import shutil
import threading
import time
import xml.etree.ElementTree
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.io import atomic_write, write_json
from airq.sources.online.errors import AGAIN, Passing, Refused, Unavailable
from airq.sources.online.http import Client

ARCHIVE = "https://openaq-data-archive.s3.amazonaws.com/"
LISTING = "listing.json"
#: Files on a page of a list, the most that there may be.
MOST_KEYS = 1000
#: How long the list of a month counts: of one that had ended 30 days before, and of another. [s]
KEPT_FOR, KEPT_FOR_NEW = 30 * 86_400.0, 86_400.0
#: Age from which a file that is being written has been given up. [s]
LONGEST_WRITE = 3_600.0

_NAME = re.compile(r"location-(\d+)-(\d{8})\.csv\.gz")
_PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class ArchiveFile:
    """A file of a location and day, as the archive lists it; `size` in bytes."""

    key: str
    size: int
    etag: str

    @property
    def name(self):
        """Name without the folders."""
        return self.key.rpartition("/")[2]

    @property
    def location(self):
        """Id of the location."""
        return _NAME.fullmatch(self.name)[1]

    @property
    def day(self):
        """Day that the file's name tells, local."""
        return pd.Timestamp(_NAME.fullmatch(self.name)[2])

    def path(self, cache):
        """Return where the file is kept; another version of it has another name."""
        stem = self.name.removesuffix(".csv.gz")
        return Path(cache) / self.key.rpartition("/")[0] / f"{stem}-{self.etag}.csv.gz"

    def fault(self, content):
        """Say what is wrong with bytes that should be this file's, or nothing."""
        if len(content) != self.size:
            return f"{len(content):,} instead of {self.size:,} bytes"
        if _PLAIN_MD5.fullmatch(self.etag):
            own = hashlib.md5(content, usedforsecurity=False).hexdigest()
            return "" if own == self.etag else "another checksum than is listed"
        # A checksum of parts says nothing about the whole.
        return "" if inflated(content) is not None else "its gzip data do not end"


class Archive:
    """The archive, or what stands in for it, and the folder in which its files are kept.

    Parameters
    ----------
    client : Client
        Connections, without a key.
    cache : Path
        Folder for files and lists of months.
    workers : int
        Requests at once.
    """

    def __init__(self, client: Client, cache: str | Path, *, workers: int = 8):
        self.client, self.cache, self.workers = client, Path(cache), workers

    def list_months(self, months: Sequence[tuple[str, pd.Period]], report_progress=None) -> list[list]:
        """Return the files of each (location, month), an empty list where there are none."""
        return self._side_by_side(self._list_month, months, "months", report_progress)

    def fetch(self, files: Sequence[ArchiveFile], report_progress=None) -> list[tuple[Path, bool]]:
        """Return where each file is kept, and whether it was fetched now.

        Raises
        ------
        ConnectionError
            If one stays broken after all attempts; those that are whole are kept.
        """
        return self._side_by_side(self._fetch, files, "files", report_progress)

    def known(self, location: str, month: pd.Period) -> list[ArchiveFile] | None:
        """Return the files of a month as listed not long ago, or None if it would be listed again."""
        try:
            kept = json.loads(self._list_path(location, month).read_bytes())
            ended = (month + 1).start_time.timestamp()
            lasts = KEPT_FOR if kept["asked"] - ended > KEPT_FOR else KEPT_FOR_NEW
            if kept["url"] != self.client.url or not 0 <= time.time() - kept["asked"] < lasts:
                return None
            return [ArchiveFile(*facts) for facts in kept["files"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def lacking(self, files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
        """Return the files that are not kept, or not whole."""
        return [file for file in files if not self._is_kept(file)]

    def sweep(self):
        """Remove what killed runs left half-written, unless another may be at work on it."""
        left = [*self.cache.glob(".locations-*.*"), *self.cache.glob("records/csv.gz/*/*/*/.*.*")]
        for scratch in left:
            # Another process may have finished it since.
            with contextlib.suppress(FileNotFoundError):
                if scratch.is_dir() and time.time() - scratch.stat().st_mtime > LONGEST_WRITE:
                    shutil.rmtree(scratch, ignore_errors=True)

    def _side_by_side(self, work, items, what, report_progress):
        """Return what `work` makes of each item; the first error stops all and is raised."""
        results, stop = [None] * len(items), threading.Event()
        with ThreadPoolExecutor(self.workers) as pool:
            places = {pool.submit(work, item, stop): place for place, item in enumerate(items)}
            try:
                for done, future in enumerate(as_completed(places), 1):
                    results[places[future]] = future.result()
                    if report_progress is not None:
                        report_progress(done, len(items), what)
            except BaseException:
                stop.set()
                self.client.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    def _list_path(self, location, month):
        return self.cache / prefix_of(location, month) / LISTING

    def _list_month(self, place, stop):
        location, month = place
        if (kept := self.known(location, month)) is not None:
            return kept
        asked, files, token = time.time(), [], None
        while True:
            query = {"list-type": 2, "prefix": prefix_of(location, month), "max-keys": MOST_KEYS}
            query |= {"continuation-token": token} if token else {}
            page, token = self.client.get(ARCHIVE, query, read=read_listing, before=_unless(stop))
            files += [file for file in page if file.key == query["prefix"] + file.name]
            if token is None:
                break
        facts = [[file.key, file.size, file.etag] for file in files]
        write_json(self._list_path(location, month), {"url": self.client.url, "asked": asked, "files": facts})
        return files

    def _is_kept(self, file):
        path = file.path(self.cache)
        try:
            return path.stat().st_size == file.size and not file.fault(path.read_bytes())
        except FileNotFoundError:
            return False

    def _fetch(self, file, stop):
        if self._is_kept(file):
            return file.path(self.cache), False

        def read(content, headers):
            own = ArchiveFile(file.key, len(content), plain_etag(headers.get("ETag", "")))
            if not (fault := file.fault(content)):
                return file, content
            # The archive may have got another version since its list was asked for.
            if own.etag != file.etag and _PLAIN_MD5.fullmatch(own.etag) and not own.fault(content):
                return own, content
            raise Passing(f"{file.name} came broken from OpenAQ's archive ({fault})")

        try:
            got, content = self.client.get(
                f"{ARCHIVE}{file.key}", read=read, before=_unless(stop), stored=True
            )
        except Unavailable as error:
            named = str(error) if file.name in str(error) else f"{file.name}: {error}"
            raise Unavailable(named) from None
        except Refused as error:
            if error.status != 404:
                raise
            self._forget_list(file)
            raise Unavailable(
                f"{file.name} is in the archive's list, but not in the archive. {AGAIN}"
            ) from None
        if got != file:
            self._forget_list(file)
        with atomic_write(got.path(self.cache)) as unfinished:
            unfinished.write_bytes(content)
        return got.path(self.cache), True

    def _forget_list(self, file):
        (file.path(self.cache).parent / LISTING).unlink(missing_ok=True)


def _unless(stop):
    """Return what to call before every attempt, so that none is made once the others have stopped."""

    def check():
        if stop.is_set():
            raise Unavailable("Stopped.")

    return check


def prefix_of(location: str, month: pd.Period) -> str:
    """Return the folder of a location's month.

    >>> prefix_of("2178", pd.Period("2022-05"))
    'records/csv.gz/locationid=2178/year=2022/month=05/'
    """
    return f"records/csv.gz/locationid={location}/year={month.year:04}/month={month.month:02}/"


def plain_etag(text: str) -> str:
    """Return an entity tag without marks, as it can stand in the name of a file."""
    return re.sub(r"[^0-9A-Za-z-]", "", text.strip().removeprefix("W/"))


def read_listing(content: bytes, _headers) -> tuple[list[ArchiveFile], str | None]:
    """Return the files on a page of a bucket's list, and the token of the next page or None.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    try:
        root = xml.etree.ElementTree.fromstring(content)
        facts = {child.tag.rpartition("}")[2]: child.text for child in root}
        entries = [
            {field.tag.rpartition("}")[2]: field.text or "" for field in entry}
            for entry in root
            if entry.tag.rpartition("}")[2] == "Contents"
        ]
        files = [ArchiveFile(one["Key"], int(one["Size"]), plain_etag(one["ETag"])) for one in entries]
        whole = root.tag.endswith("ListBucketResult") and int(facts.get("KeyCount") or len(files)) == len(
            files
        )
    except (xml.etree.ElementTree.ParseError, KeyError, ValueError):
        whole = False
    token = facts.get("NextContinuationToken") if whole else None
    if not whole or (facts.get("IsTruncated") == "true" and not token):
        raise Passing("A list of OpenAQ's archive was cut off, or is none")
    return [file for file in files if _NAME.fullmatch(file.name)], token


def inflated(content: bytes) -> bytes | None:
    """Return what was compressed with gzip, or None if it is not whole."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return None
