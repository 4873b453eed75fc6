"""Chunk files are either whole or found out."""

import shutil

import numpy as np
import pytest

from airq.sources.chunks import read_chunks, write_chunk

DAYS = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")


def write(folder, *, day="2021-05-05T10:00:00", values=((1.0, 2.0), (3.0, 4.0)), **changes):
    """Two cities, two days, one column."""
    facts = {
        "fingerprints": {"no2": "f"},
        "layer": "day-disc5km",
        "columns": ["no2"],
        "sites": ["kampala", "gulu"],
        "places": [(32.58, 0.32), (32.3, 2.77)],
        "periods": DAYS,
        "values": np.array(values, dtype="float64")[:, :, None],
        "fetched": np.datetime64(day, "s"),
    }
    return write_chunk(folder, **facts | changes)


def test_a_chunk_comes_back_whole(tmp_path):
    "Names, days, time and all 53 binary digits of the numbers, in the order of writing."
    third = 1 / 3
    write(tmp_path, values=[[third, np.nan], [-1e-300, 4.0]])
    (chunk,), damaged = read_chunks(tmp_path)
    assert damaged == []
    assert (chunk.fingerprints, chunk.layer, chunk.sites) == (
        {"no2": "f"},
        "day-disc5km",
        ("kampala", "gulu"),
    )
    assert chunk.places.tolist() == [[32.58, 0.32], [32.3, 2.77]]
    assert chunk.periods.astype(str).tolist() == ["2020-01-01", "2020-01-02"]
    assert str(chunk.fetched) == "2021-05-05T10:00:00.000"
    np.testing.assert_array_equal(chunk.values(["no2"])[:, :, 0], [[third, np.nan], [-1e-300, 4.0]])


def test_columns_by_name(tmp_path):
    "In the order asked for; one that the chunk lacks is empty."
    values = np.arange(8.0).reshape(2, 2, 2)
    chunk = write(tmp_path, columns=["no2", "co"], values=values)
    found = chunk.values(["co", "none", "no2"])
    np.testing.assert_array_equal(found[:, :, 0], values[:, :, 1])
    np.testing.assert_array_equal(found[:, :, 2], values[:, :, 0])
    assert np.isnan(found[:, :, 1]).all()


def test_what_was_written_is_what_is_read(tmp_path):
    "The description that writing returns is that of the file."
    written = write(tmp_path)
    (read,), _ = read_chunks(tmp_path)
    assert (written.path, written.sites, written.fetched) == (read.path, read.sites, read.fetched)


def test_later_fetched_chunks_come_last(tmp_path):
    "Whatever their names and days."
    write(tmp_path, day="2021-05-07T00:00:00", layer="a")
    write(tmp_path, day="2021-05-05T00:00:00", layer="b")
    write(tmp_path, day="2021-05-06T00:00:00", layer="c")
    chunks, _ = read_chunks(tmp_path)
    assert [chunk.layer for chunk in chunks] == ["b", "c", "a"]


def test_equal_answers_are_one_file(tmp_path):
    "The name follows from the bytes."
    assert write(tmp_path).path == write(tmp_path).path
    assert len(list(tmp_path.iterdir())) == 1


def test_any_changed_byte_is_found(tmp_path):
    "One bit in the beginning, the middle or the end."
    chunk = write(tmp_path)
    whole = chunk.path.read_bytes()
    for position in (5, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 1
        chunk.path.write_bytes(bytes(changed))
        assert read_chunks(tmp_path) == ([], [chunk.path])
    chunk.path.write_bytes(whole)
    assert len(read_chunks(tmp_path)[0]) == 1


@pytest.mark.parametrize("size", [0, 10, 500])
def test_a_cut_chunk_is_found(tmp_path, size):
    "Nothing of it, four bytes of mark and some, a part."
    chunk = write(tmp_path)
    chunk.path.write_bytes(chunk.path.read_bytes()[:size])
    assert read_chunks(tmp_path) == ([], [chunk.path])


def test_a_file_that_is_no_chunk_is_found(tmp_path):
    "A chunk under the name of another one is damaged; a file with a name of its own is left alone."
    chunk = write(tmp_path)
    other = tmp_path / f"layer_2020-01-01_2020-01-02_{'0' * 16}.parquet"
    shutil.copy(chunk.path, tmp_path / "mine.parquet")
    shutil.move(chunk.path, other)
    assert read_chunks(tmp_path) == ([], [other])


def test_nothing_is_left_of_a_chunk_that_cannot_be_written(tmp_path):
    "A file stands where the folder should be."
    (tmp_path / "chunks").write_text("")
    with pytest.raises(OSError):
        write(tmp_path / "chunks")
    assert [path.name for path in tmp_path.iterdir()] == ["chunks"]


def test_an_empty_folder_has_no_chunks(tmp_path):
    "Nor has one that does not exist."
    assert read_chunks(tmp_path) == ([], [])
    assert read_chunks(tmp_path / "none") == ([], [])
