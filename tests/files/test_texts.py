"""Text, TOML and JSON are read whole, or refused in one line by name."""

import gzip
import os
import re
import socket

import pytest

from airq.files import texts
from airq.files.texts import read_json, read_text, read_toml


def refused(path, words, error=ValueError):
    return pytest.raises(error, match=re.escape(str(path)) + ".*" + words)


def test_cut_off_json_is_refused(tmp_path):
    "The line where it ends is named."
    path = tmp_path / "t.json"
    path.write_text('{"results": [\n{"value": 1')
    with refused(path, "line 2"):
        read_json(path)


def test_toml_is_read(tmp_path):
    "As a dict."
    (tmp_path / "m.toml").write_text('[columns]\ndate = "day"\n')
    assert read_toml(tmp_path / "m.toml") == {"columns": {"date": "day"}}


@pytest.mark.parametrize(
    ("read", "content", "words"),
    [
        (read_toml, "a = \n", "is not TOML: Invalid value"),
        (read_toml, "a = " + "[" * 50_000, "nested too deeply"),
        (read_toml, "a = " + "1" * 5_000, "too many digits"),
        (read_json, "[" * 100_000, "nested too deeply"),
        (read_json, '{"a":' * 100_000, "nested too deeply"),
        (read_json, "[" + "1" * 5_000 + "]", "too many digits"),
        (read_json, "{} {}", "not whole JSON: Extra data in line 1"),
        (read_text, "", "is empty"),
        (read_text, "\n<!DOCTYPE html>\n<title>502</title>", "is a web page"),
        (read_text, "%PDF-1.7", "is a PDF"),
        (read_text, "a\0b", "zero bytes"),
    ],
)
def test_a_text_that_cannot_be_read_is_named(tmp_path, read, content, words):
    "Syntax, depth, digits, nothing at all."
    path = tmp_path / "t"
    path.write_text(content)
    with refused(path, words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_is_refused(tmp_path, encoding):
    "Names would come out wrong."
    path = tmp_path / "t.csv"
    path.write_bytes("town\nBogotá\n".encode(encoding))
    with refused(path, "not UTF-8"):
        read_text(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_more_than_the_limit_is_refused(tmp_path, monkeypatch, zipped):
    "Inflated or not; no more than the limit is held in memory."
    monkeypatch.setattr(texts, "MOST_BYTES", 3_000_000)
    path = tmp_path / ("t.csv.gz" if zipped else "t.csv")
    content = b"1,2\n" * 1_000_000
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    with refused(path, "more than 0.003 GB"):
        read_text(path)


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def loop(path):
    path.symlink_to(path)


def open_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [pipe, device, loop, open_socket])
def test_what_is_no_regular_file_is_refused(tmp_path, monkeypatch, make):
    "Without waiting for what may never come."
    monkeypatch.chdir(tmp_path)
    path = tmp_path.relative_to(tmp_path) / "t"
    make(path)
    with pytest.raises(OSError) as caught:
        read_text(path)
    assert caught.value.filename == "t" or str(caught.value).startswith("t is a pipe, a device or a socket")
