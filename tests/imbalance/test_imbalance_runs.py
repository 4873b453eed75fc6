"""Jobs that resume, and a process that is ended from outside: one line, whatever was running."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

from imbalance.comparison.runner import claim_parts, run_jobs


@dataclass(frozen=True)
class Square:
    """A job that squares what is shared, and notes that it ran."""

    number: int
    deadly: bool = False

    @property
    def file_name(self):
        return f"square-{self.number}.npz"

    name = "a square"

    def run(self, shared):
        if self.deadly:
            os._exit(9)
        return {"number": self.number}, {"squares": shared[self.number : self.number + 1] ** 2.0}


@pytest.mark.slow
def test_jobs_are_done_once_and_read_back_in_their_order(tmp_path):
    "Two of four were there: two are run; one or two processes give the same."
    folder = claim_parts(tmp_path / "run", {"seed": 0}, what="run")
    jobs, shared = [Square(number) for number in range(4)], np.arange(4)
    run_jobs(jobs[1:3], shared, folder=folder)
    steps = []
    found = run_jobs(
        jobs,
        shared,
        folder=folder,
        returned=["squares"],
        n_jobs=2,
        advance=lambda *step: steps.append(step[:2]),
    )
    assert steps[0] == (2, 4)
    assert [record["number"] for record, _ in found] == [0, 1, 2, 3]
    assert [arrays["squares"].item() for _, arrays in found] == [0, 1, 4, 9]
    assert run_jobs(jobs, shared, returned=["squares"]) == found


def test_a_folder_belongs_to_one_run(tmp_path):
    "Other settings are named; a folder of something else is left alone."
    claim_parts(tmp_path / "run", {"seed": 0, "rows": 5}, what="run")
    assert claim_parts(tmp_path / "run", {"seed": 0, "rows": 5}, what="run").name == "parts"
    with pytest.raises(ValueError, match="holds a run with other seed; choose"):
        claim_parts(tmp_path / "run", {"seed": 1, "rows": 5}, what="run")
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(FileExistsError, match="holds no run"):
        claim_parts(tmp_path, {}, what="run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept", "words"), [(True, "is kept"), (False, r"memory\. Run again with fewer processes\.")]
)
def test_a_killed_process_is_one_line(tmp_path, kept, words):
    "Two jobs side by side, one of which ends its process."
    folder = claim_parts(tmp_path / "run", {}, what="run") if kept else None
    with pytest.raises(OSError, match=f"ended from outside.*{words}") as caught:
        run_jobs([Square(0), Square(1, deadly=True)], np.arange(2), folder=folder, n_jobs=2)
    assert "\n" not in str(caught.value)
