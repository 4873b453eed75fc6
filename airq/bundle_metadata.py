"""Metadata of a bundle, in `bundle.json`: read and checked without the libraries that predict.

They hold the hash of every other file, and their own.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from airq.bundle_schema import check_metadata
from airq.files.texts import read_json
from airq.messages import installed_versions

FORMAT = 4
BUNDLE_JSON = "bundle.json"


def write_metadata(folder, metadata):
    """Write the metadata of a bundle beside its other files, whose hashes are added.

    They are plain types, `format` and `libraries` among them.
    """
    hashes = {file.name: _hash(file.read_bytes()) for file in sorted(folder.iterdir())}
    metadata = {**metadata, "files": hashes}
    metadata["hash"] = _hash(_canonical(metadata))
    (folder / BUNDLE_JSON).write_text(
        json.dumps(metadata, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_metadata(path):
    """Return the metadata of a bundle, a folder that :func:`airq.bundle.save_bundle` made, after all checks.

    ValueError is raised if it is no bundle, of another format or version, or if a byte of it has changed.
    """
    path = Path(path)
    if not path.is_dir() or not (path / BUNDLE_JSON).is_file():
        raise ValueError(f"{path} is not a bundle: it has no {BUNDLE_JSON}. Make one with `airq train`.")
    try:
        metadata = read_json(path / BUNDLE_JSON)
    except ValueError as error:
        raise ValueError(f"{path / BUNDLE_JSON} is damaged ({error}) Train the bundle again.") from None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        version = metadata.get("format") if isinstance(metadata, dict) else None
        raise ValueError(
            f"{path} has bundle format {version}; this version of airq reads format {FORMAT}: "
            "train it again, or use the version that made it."
        )
    claimed = metadata.pop("hash", None)
    if claimed != _hash(_canonical(metadata)):
        raise ValueError(f"{path / BUNDLE_JSON} was changed after training; train the bundle again.")
    check_metadata(metadata, path / BUNDLE_JSON)
    for name, expected in metadata["files"].items():
        if not (path / name).is_file():
            raise ValueError(f"{path} lacks the file {name}; copy the whole folder or train it again.")
        if _hash((path / name).read_bytes()) != expected:
            raise ValueError(f"{path / name} was changed after training; train the bundle again.")
    # A booster whose package is missing is refused where it is loaded.
    for name, here in installed_versions({"lightgbm", "catboost"} & set(metadata["libraries"])).items():
        trained = str(metadata["libraries"][name])
        if _release(here) < _release(trained):
            raise ValueError(
                f"{path} was trained with {name} {trained}, but {here} is installed; "
                f"pip install '{name}>={trained}'."
            )
    return {**metadata, "hash": claimed}


def _release(version):
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:2])


def _canonical(metadata):
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False).encode()


def _hash(data):
    return hashlib.sha256(data).hexdigest()
