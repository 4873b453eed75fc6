"""The facts of a bundle, in `bundle.json`: read and checked without what it takes to predict.

They hold the hash of every other file, and one of themselves.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from airq.messages import installed_versions

FORMAT = 3
BUNDLE_JSON = "bundle.json"


def write_metadata(folder, facts):
    """Write the facts of a bundle whose other files lie in its folder; their hashes are added.

    Parameters
    ----------
    folder : Path
        Folder of the bundle.
    facts : dict
        Its facts in plain types, `format` and `libraries` among them.
    """
    hashes = {file.name: _hash(file.read_bytes()) for file in sorted(folder.iterdir())}
    facts = {**facts, "files": hashes}
    facts["hash"] = _hash(_canonical(facts))
    (folder / BUNDLE_JSON).write_text(
        json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_metadata(path):
    """The facts of a bundle, after all checks.

    Parameters
    ----------
    path : str or Path
        Folder that :func:`airq.bundle.save_bundle` made.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no bundle, of another format or version, or if a byte of it has changed.
    """
    path = Path(path)
    if not path.is_dir() or not (path / BUNDLE_JSON).is_file():
        raise ValueError(f"{path} is not a bundle: it has no {BUNDLE_JSON}. Make one with `airq train`.")
    try:
        facts = json.loads((path / BUNDLE_JSON).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path / BUNDLE_JSON} is damaged ({error}); train the bundle again.") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise ValueError(
            f"{path} has bundle format {found}; this version of airq reads format {FORMAT}: "
            "train it again, or use the version that made it."
        )
    claimed = facts.pop("hash", None)
    if claimed != _hash(_canonical(facts)):
        raise ValueError(f"{path / BUNDLE_JSON} was changed after training; train the bundle again.")
    _check_files(path, facts["files"])
    _check_versions(path, facts["libraries"])
    return {**facts, "hash": claimed}


def _check_files(path, hashes):
    for name, claimed in hashes.items():
        if not (path / name).is_file():
            raise ValueError(f"{path} lacks the file {name}; copy the whole folder or train it again.")
        if _hash((path / name).read_bytes()) != claimed:
            raise ValueError(f"{path / name} was changed after training; train the bundle again.")


def _check_versions(path, libraries):
    # A booster whose package is missing is refused where it is loaded.
    for name, here in installed_versions({"lightgbm", "catboost"} & set(libraries)).items():
        trained = libraries[name]
        if _release(here) < _release(trained):
            raise ValueError(
                f"{path} was trained with {name} {trained}, but {here} is installed; "
                f"pip install '{name}>={trained}'."
            )


def _release(version):
    return tuple(int(part) for part in version.split(".")[:2])


def _canonical(facts):
    return json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()


def _hash(data):
    return hashlib.sha256(data).hexdigest()
