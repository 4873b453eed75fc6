"""The stories run in tests; nothing imports them to look for doctests."""

from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.glob("*.py") if path.name[:5] != "test_"]
