"""Credentials: found without asking, refused in one line, never shown."""

import http.server
import json
import threading

import ee
import google.auth.credentials
import google.oauth2.credentials
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from airq.sources.earthengine.credentials import (
    check_endpoint,
    load_credentials,
    resolve_project,
)
from airq.sources.online.address import is_loopback

SECRET = "c2VjcmV0LW1hcms"


@pytest.fixture(scope="module")
def private_key():
    """A key of a service account, made here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()


@pytest.fixture
def service_account(private_key):
    """Content of a service account's key file."""
    return {
        "type": "service_account",
        "project_id": "rain-or-shine",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "worker@rain-or-shine.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


@pytest.fixture
def empty_machine(monkeypatch, tmp_path):
    """A home without credentials, no way out, and no metadata server of a cloud."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return tmp_path


def written(folder, content, name="key.json"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def refusal(call, *arguments, **settings):
    """The message of a ValueError, which is one line and tells no secret."""
    with pytest.raises(ValueError) as caught:
        call(*arguments, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "http://127.9.9.9", "http://localhost:1", "http://[::1]:2"]
)
def test_a_server_on_this_machine_takes_anonymous_requests(url):
    "Loopback addresses of every form do."
    credentials = load_credentials("anonymous", url=url)
    assert isinstance(credentials, google.auth.credentials.AnonymousCredentials)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://earthengine.googleapis.com",
        "http://10.0.0.7:80",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://0.0.0.0:80",
    ],
)
def test_nothing_else_does(url):
    "Addresses that only look like this machine, and the standard one, are refused."
    assert "on this machine" in refusal(load_credentials, "anonymous", url=url)


@pytest.mark.parametrize("url", ["http://earthengine.googleapis.com", "http://10.0.0.7:80"])
def test_a_token_does_not_travel_in_the_clear(url, tmp_path, service_account):
    "http to another machine is refused whatever the credentials."
    path = written(tmp_path, service_account)
    assert "unencrypted" in refusal(load_credentials, path, url=url)
    assert "unencrypted" in refusal(load_credentials, "default", url=url)
    token = google.oauth2.credentials.Credentials(token=SECRET)
    assert "unencrypted" in refusal(check_endpoint, url, token)


@pytest.mark.parametrize(
    "url",
    ["earthengine", "ftp://x", "http://", "http://a:b@127.0.0.1", "http://127.0.0.1:99999", "https://x/?a=1"],
)
def test_an_address_is_an_address(url):
    "Without a scheme or a host, with a password or a query, it is none."
    assert "--ee-url" in refusal(load_credentials, "default", url=url)


def test_who_is_named_before_the_host_does_not_count():
    "127.0.0.1 as a user's name is not this machine."
    assert not is_loopback("http://127.0.0.1@example.org")


def test_a_service_account_file(tmp_path, service_account):
    "It gives credentials with the scope of Earth Engine, and its project."
    credentials = load_credentials(written(tmp_path, service_account))
    assert "https://www.googleapis.com/auth/earthengine" in credentials.scopes
    assert resolve_project(None, credentials, {}) == "rain-or-shine"


def test_a_users_file(tmp_path):
    "What gcloud writes for a user is taken, with its project."
    content = {
        "type": "authorized_user",
        "client_id": "1",
        "client_secret": SECRET,
        "refresh_token": SECRET,
        "quota_project_id": "my-project",
    }
    credentials = load_credentials(str(written(tmp_path, content)))
    assert credentials.refresh_token == SECRET
    assert resolve_project(None, credentials, {}) == "my-project"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"private_key = {SECRET}", "is not JSON"),
        ("", "is not JSON"),
        ([SECRET], "not the key of a service account"),
        ({"installed": {"client_secret": SECRET}}, "an OAuth client"),
        ({"web": {"client_secret": SECRET}}, "an OAuth client"),
        ({"refresh_token": SECRET}, "--ee-credentials default"),
        ({"type": "external_account", "audience": SECRET}, "a workload identity"),
        ({"type": SECRET}, "something else"),
        ({"type": "service_account", "private_key": SECRET}, "damaged or incomplete"),
        (
            {"type": "service_account", "private_key": 7, "client_email": [], "token_uri": 1},
            "damaged or incomplete",
        ),
        ({"type": "authorized_user", "client_secret": SECRET}, "damaged or incomplete"),
    ],
)
def test_a_file_of_another_kind(tmp_path, content, expected):
    "The message names the file and what it holds, in general terms."
    path = written(tmp_path, content)
    message = refusal(load_credentials, path)
    assert str(path) in message
    assert expected in message


def test_a_key_that_is_cut_off(tmp_path, service_account):
    "A private key of which the second half is missing is told, and not shown."
    key = service_account["private_key"]
    path = written(tmp_path, service_account | {"private_key": key[: len(key) // 2]})
    message = refusal(load_credentials, path)
    assert "damaged or incomplete" in message
    assert key[100:140] not in message


def test_a_file_that_is_not_there(tmp_path):
    "Neither a missing file nor a folder."
    assert "no such file" in refusal(load_credentials, tmp_path / "none.json")
    assert "cannot be read" in refusal(load_credentials, tmp_path)
    (tmp_path / "key.p12").write_bytes(b"\x30\x82\xff\xfe")
    assert "is not JSON" in refusal(load_credentials, tmp_path / "key.p12")


def test_a_machine_without_credentials(empty_machine):
    "It is told how to sign in, and nothing is asked for."
    message = refusal(load_credentials, "default")
    assert "earthengine authenticate" in message
    assert "gcloud auth application-default login" in message
    assert "--ee-credentials" in message


class _GrantsNothing(http.server.BaseHTTPRequestHandler):
    """A token service that refuses, as Google does where no scope is asked for."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        content = b'{"error": "invalid_scope"}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def test_a_service_account_by_the_usual_variable(empty_machine, monkeypatch, service_account):
    "GOOGLE_APPLICATION_CREDENTIALS names a key: default takes it, with the scope of Earth Engine."
    with http.server.HTTPServer(("127.0.0.1", 0), _GrantsNothing) as server:
        threading.Thread(target=server.handle_request).start()
        token_uri = f"http://127.0.0.1:{server.server_port}/token"
        path = written(empty_machine, service_account | {"token_uri": token_uri})
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        credentials = load_credentials("default")
    assert "https://www.googleapis.com/auth/earthengine" in credentials.scopes


def test_the_usual_variable_with_a_file_that_is_not_there(empty_machine, monkeypatch):
    "The file is named."
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(empty_machine / "none.json"))
    assert "none.json: no such file" in refusal(load_credentials, "default")


def test_stored_credentials_that_cannot_be_renewed_for_want_of_a_network(empty_machine):
    "That is no reason to sign in again."
    stored = {"refresh_token": SECRET, "project": "p"}
    written(empty_machine, stored, ".config/earthengine/credentials")
    with pytest.raises(ConnectionError, match="cannot be reached to renew") as caught:
        load_credentials("default")
    assert SECRET not in str(caught.value)


def test_stored_credentials_that_are_damaged(empty_machine):
    "Half a file is told, without its content."
    written(empty_machine, f'{{"refresh_token": "{SECRET}', ".config/earthengine/credentials")
    assert "cannot be read" in refusal(load_credentials, "default")


def test_the_project_said_goes_before_the_one_found(tmp_path, service_account):
    "Option, then variable, then what the credentials name."
    credentials = load_credentials(written(tmp_path, service_account))
    environ = {"EARTHENGINE_PROJECT": "by-variable"}
    assert resolve_project("by-option", credentials, environ) == "by-option"
    assert resolve_project(" ", credentials, environ) == "by-variable"
    assert resolve_project(None, credentials, {"EARTHENGINE_PROJECT": ""}) == "rain-or-shine"


def test_without_a_project():
    "Anonymous credentials name none, and a project of Google's own tools does not count."
    anonymous = google.auth.credentials.AnonymousCredentials()
    assert "--ee-project" in refusal(resolve_project, None, anonymous, {})
    tools = google.oauth2.credentials.Credentials(token=SECRET, quota_project_id=ee.oauth.SDK_PROJECTS[0])
    assert "--ee-project" in refusal(resolve_project, None, tools, {})


def test_a_title_is_not_an_id():
    "Spaces do not occur in the id of a project."
    assert "the id, not the title" in refusal(resolve_project, "My Project", None, {})
