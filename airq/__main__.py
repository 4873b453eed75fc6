"""Run the command line: ``python -m airq``."""

from airq.cli import main

if __name__ == "__main__":
    main()
