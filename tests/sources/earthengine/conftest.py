"""The extraction that disturbed ones are compared to."""

import pytest
from extractions import panel, run, simulated


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The panel of an extraction that nothing disturbs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "127.0.0.1")
        folder = tmp_path_factory.mktemp("undisturbed")
        with simulated(limits=None) as server:
            assert run(server, folder).retries == 0
    return panel(folder)
