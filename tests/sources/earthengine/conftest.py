"""No way out of this machine, and the extraction that disturbed ones are compared to."""

import contextlib

import pytest
from extractions import panel, run, simulated


@contextlib.contextmanager
def without_network():
    """Let requests to this machine alone pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "127.0.0.1")
        # They would prevail.
        patch.delenv("https_proxy", raising=False)
        patch.delenv("no_proxy", raising=False)
        yield


@pytest.fixture(scope="module", autouse=True)
def no_way_out(request):
    """No test leaves this machine, unless those of the real service are asked for, in their modules."""
    here = [item for item in request.session.items if item.path == request.path]
    live = any(item.get_closest_marker("live") for item in here)
    with contextlib.nullcontext() if live else without_network():
        yield


@pytest.fixture
def server():
    """A simulated Earth Engine with enough memory for every request and task."""
    with simulated(limits=None) as server:
        yield server


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The panel of an extraction that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with without_network(), simulated(limits=None) as server:
        assert run(server, folder).retries == 0
    return panel(folder)
