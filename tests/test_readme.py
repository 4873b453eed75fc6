"""What README tells to type works, and prints what README shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)


def test_the_table_of_ones_own(tmp_path):
    "The CSV, the mapping and the command of the tour give the line that stands below them."
    (number,) = [n for n, block in enumerate(BLOCKS) if block.startswith("cat > sensors.csv")]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-e", "-c", BLOCKS[number]], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == BLOCKS[number + 1].split()


@pytest.mark.parametrize("name", re.findall(r"`((?:airq|data|demo)/[\w./]+\.(?:py|md))`", README))
def test_files_that_readme_names_exist(name):
    "No pointer to a file that is gone; those of the demonstration are tested with it."
    assert name.startswith("demo/") or (ROOT / name).is_file()
