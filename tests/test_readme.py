"""What README tells to type works, and prints what README shows."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
BLOCKS = [block for language, block in FENCES if not language]
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


def type_in(block, folder):
    "Run a block of commands in a shell whose path begins with this environment."
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-e", "-c", block], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_table_of_ones_own(tmp_path):
    "The CSV, the mapping and the command give the line that stands below them."
    (number,) = [n for n, block in enumerate(BLOCKS) if block.startswith("cat > sensors.csv")]
    assert type_in(BLOCKS[number], tmp_path).split() == BLOCKS[number + 1].split()


@pytest.mark.long
def test_the_python_of_readme_runs(tmp_path, monkeypatch):
    "Every line after >>>, in order, gives what stands below it."
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert failed == 0 and attempted > 10


@pytest.mark.slow
def test_the_comparison_of_readme_runs():
    "Its model predicts for the target, its sets have a column a class, its shares a row a class."
    (block,) = [block for language, block in FENCES if language == "python" and ">>>" not in block]
    names = {}
    exec(block, names)  # noqa: S102
    assert names["model"].predict_proba(names["X"][:2]).shape == (2, 2)
    assert list(names["sets"].columns) == [0, 1]
    assert names["months"]["label"].tolist() == [0, 1]


@pytest.mark.long
def test_the_demonstration_prints_what_readme_shows(tmp_path):
    "The same words; numbers within two in a hundred or a tenth, as processors differ in the last digits."
    (shown,) = [block for block in BLOCKS if block.startswith("SIMULATED")]
    printed = type_in("airq demo --out demo 2>&1", tmp_path)
    # Lines of progress come before.
    printed = printed[printed.index("SIMULATED:") :]
    words, numbers = NUMBER.sub("#", shown).split(), NUMBER.findall(shown)
    assert " ".join(words) in " ".join(NUMBER.sub("#", printed).split())
    others = NUMBER.findall(printed)[: len(numbers)]
    for one, other in zip(numbers, others, strict=True):
        assert float(one.replace(",", "")) == pytest.approx(float(other.replace(",", "")), rel=0.02, abs=0.1)


@pytest.mark.parametrize("name", re.findall(r"`((?:airq|data|demo|tests)/[\w./]+)`", README))
def test_files_that_readme_names_exist(name):
    "No pointer to a file that is gone; those of the demonstration are tested with it."
    assert name.startswith("demo/") or (ROOT / name).exists()


def test_readme_is_short():
    "At most 240 lines; the first command is among the first twenty."
    lines = README.splitlines()
    assert len(lines) <= 240
    assert any(line.startswith("make demo") for line in lines[:20])
