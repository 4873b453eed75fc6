"""The real client, connected to a server of this package."""

import contextlib

import ee
import pytest
from google.auth.credentials import AnonymousCredentials

from . import EarthEngineServer


@contextlib.contextmanager
def connected(**options):
    """A server that the client is initialised with; it repeats no request by itself."""
    with EarthEngineServer(**options) as server, pytest.MonkeyPatch.context() as patch:
        # ee.Initialize also asks Google's storage for the data catalogue: not from here.
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "127.0.0.1")
        ee.Initialize(AnonymousCredentials(), url=server.url, project="p")
        ee.data.setMaxRetries(0)
        try:
            yield server
        finally:
            ee.data._get_state().requests_session.close()
            ee.Reset()


@pytest.fixture(scope="module")
def server():
    """A server without limits, latency or faults of its own."""
    with connected() as server:
        yield server


@pytest.fixture
def connect():
    """Function that starts a server with options and initialises the client with it."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(connected(**options))
