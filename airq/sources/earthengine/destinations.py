"""Where tasks write their files, and how these are read: a bucket of Cloud Storage, or a folder of Drive.

Both are read over HTTP with the credentials and the connection of Earth Engine. Where Earth Engine is a
server on this machine, its storage is there, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from airq.sources.earthengine.errors import Refused, Unavailable
from airq.sources.online.address import is_loopback, moved_to

STORAGE = "https://storage.googleapis.com/storage/v1"
DRIVE = "https://www.googleapis.com/drive/v3"
#: Files named by one answer, at most.
PAGE = 1000


@dataclass(frozen=True)
class ExportedFile:
    """A file that a task wrote."""

    #: Without the folder.
    name: str
    #: Where it is read.
    url: str
    #: When it was written, ISO 8601 in UTC.
    created: str
    #: Its type, where Drive tells it.
    kind: str = ""


@dataclass(frozen=True)
class Bucket:
    """A bucket, and what the names of files in it begin with."""

    name: str
    prefix: str

    def __str__(self):
        return f"gs://{self.name}/{self.prefix}"

    def export_options(self, name):
        """Return what Earth Engine is told of a file to write."""
        where = {"bucket": self.name, "filenamePrefix": self.prefix + name}
        return {"fileFormat": "CSV", "cloudStorageDestination": where}

    def files(self, connection, beginning):
        """Return the files whose names begin so, a list of ExportedFile; Refused if they cannot be seen."""
        url = moved_to(f"{STORAGE}/b/{quote(self.name, safe='')}/o", _moved(connection))
        params = {"prefix": self.prefix + beginning, "maxResults": PAGE}
        params["fields"] = "items(name,timeCreated),nextPageToken"
        refusal = (
            f"Bucket {self.name} is not there, or these credentials may not list and read it (they need the "
            "role Storage Object Viewer, and Storage Object Creator for tasks to write)."
        )
        return [
            ExportedFile(
                own["name"].removeprefix(self.prefix),
                f"{url}/{quote(own['name'], safe='')}",
                own.get("timeCreated", ""),
            )
            for own in _listed(connection, url, params, "items", refusal)
        ]

    def read(self, connection, file):
        """Return the content of a file, bytes."""
        return connection.get(file.url, {"alt": "media"}, refusal=f"{self}{file.name} cannot be read.")


@dataclass(frozen=True)
class DriveFolder:
    """A folder of the user's Drive, by its name; Earth Engine makes it if there is none."""

    name: str

    def __str__(self):
        return f"drive:{self.name}"

    def export_options(self, name):
        """Return what Earth Engine is told of a file to write."""
        return {"fileFormat": "CSV", "driveDestination": {"folder": self.name, "filenamePrefix": name}}

    def files(self, connection, beginning):
        """Return the files whose names begin so, the older ones first; Refused if they cannot be seen.

        They may have been moved to another folder of the same Drive: their names are unique.
        """
        url = moved_to(f"{DRIVE}/files", _moved(connection))
        params = {
            "q": f"name contains '{beginning}' and trashed = false",
            "pageSize": PAGE,
            "spaces": "drive",
        }
        params |= {"fields": "files(id,name,createdTime,mimeType),nextPageToken", "orderBy": "createdTime"}
        refusal = (
            "Drive cannot be read with these credentials. `earthengine authenticate` asks for Drive, "
            "`gcloud auth application-default login` does only with --scopes, and the project needs the "
            "Google Drive API. Or choose a bucket: --batch gs://BUCKET/PREFIX."
        )
        return [
            ExportedFile(
                own["name"],
                f"{url}/{quote(own['id'])}",
                own.get("createdTime", ""),
                own.get("mimeType", ""),
            )
            for own in _listed(connection, url, params, "files", refusal)
        ]

    def read(self, connection, file):
        """Return the content of a file, bytes; Refused if Drive has made a spreadsheet of it."""
        if file.kind.startswith("application/vnd.google-apps"):
            raise Refused(
                f"Drive has turned {file.name} into a spreadsheet, which rounds numbers. Switch off "
                "'Convert uploads' in the settings of Drive, delete the file, and run the same command again."
            )
        return connection.get(file.url, {"alt": "media"}, refusal=f"{self}/{file.name} cannot be read.")


def read_destination(text):
    """Return the Bucket or DriveFolder that a user's words name; raise ValueError if they name none.

    >>> str(read_destination("gs://bucket/africa"))
    'gs://bucket/africa/'
    >>> read_destination("drive:airq")
    DriveFolder(name='airq')
    """
    if bucket := re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*?))?/?", text):
        return Bucket(bucket[1], f"{bucket[2]}/" if bucket[2] else "")
    if folder := re.fullmatch(r"drive:([^/'\\]+)", text):
        return DriveFolder(folder[1].strip())
    raise ValueError(
        f"--batch {text} names no place for files: give gs://BUCKET/PREFIX, or drive:FOLDER, the name of one "
        "folder."
    )


def _moved(connection):
    """Return the address that stands in for Google's, None unless Earth Engine is a server here."""
    return connection.url if is_loopback(connection.url) else None


def _listed(connection, url, params, key, refusal):
    """Return what all pages of a list hold."""
    found, token = [], ""
    while token is not None:
        paging = {"pageToken": token} if token else {}
        try:
            page = json.loads(connection.get(url, params | paging, refusal=refusal))
            found += page.get(key) or []
            token = page.get("nextPageToken") or None
        except (AttributeError, TypeError, json.JSONDecodeError) as error:
            raise Unavailable(f"{url} sent a list of files that is not whole JSON") from error
    return found
