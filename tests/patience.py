"""How long tests wait. No test passes or fails by the speed of the machine: a bound only ends what hangs."""

import time

import pytest

#: Longest wait for what comes by itself; a machine may be fifty times slower than a quiet one. [s]
PATIENCE = 900
#: The same for playwright. [ms]
BROWSER_PATIENCE = 1000 * PATIENCE
#: Sleep of a process that a test ends; longer than the test may take. [s]
FOR_EVER = 3600


def wait_until(condition, what, *, every=0.05):
    """Return the first true value of a condition; fail, saying what did not happen, where none comes."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {PATIENCE} s.")
        time.sleep(every)
    return value
