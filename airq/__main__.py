"""Run the command line: ``python -m airq``."""

from airq.cli import main

main()
