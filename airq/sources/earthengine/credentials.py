"""Who asks Earth Engine: found on this machine, never asked for, never shown."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import ee
import google.auth.credentials
import google.auth.environment_vars
import google.auth.exceptions
import google.oauth2.credentials
import google.oauth2.service_account

from airq.sources.earthengine.errors import SIGN_IN

PROJECT_VARIABLE = "EARTHENGINE_PROJECT"


def load_credentials(name, *, url=None):
    """Credentials for Earth Engine. Nothing is asked for on the console.

    Parameters
    ----------
    name : str or Path
        "default": what `earthengine authenticate` or `gcloud auth application-default login` left on
        this machine, or what Google's own machines provide; "anonymous": none, for a server on this
        machine; else the path of a JSON file, a service account's key or a user's credentials.
    url : str, optional
        Address of the service that will see them; the standard one by default.

    Returns
    -------
    google.auth.credentials.Credentials

    Raises
    ------
    ValueError
        If there are none, they are not what they should be, or `url` must not see them.

    Examples
    --------
    >>> load_credentials("anonymous", url="http://127.0.0.1:8080").valid
    True
    """
    if str(name) == "anonymous":
        credentials = google.auth.credentials.AnonymousCredentials()
        check_endpoint(url, credentials)
        return credentials
    check_endpoint(url, None)
    return _default() if str(name) == "default" else _from_file(Path(name).expanduser())


def check_endpoint(url, credentials):
    """Refuse an address that `credentials` must not be sent to, or that is none.

    Raises
    ------
    ValueError
        For anonymous requests to anything but this machine, and for a token in the clear.
    """
    scheme = _scheme(url)
    anonymous = isinstance(credentials, google.auth.credentials.AnonymousCredentials)
    if anonymous and not is_loopback(url):
        raise ValueError(
            "Anonymous credentials are for a server on this machine (--ee-url http://127.0.0.1:PORT) only. "
            f"For Earth Engine: {SIGN_IN}"
        )
    if not anonymous and scheme != "https" and not is_loopback(url):
        raise ValueError(f"--ee-url {url} would send your token unencrypted. Give an https address.")


def is_loopback(url):
    """Whether an address is on this machine.

    >>> is_loopback("http://127.0.0.1:8080"), is_loopback("http://[::1]"), is_loopback(None)
    (True, True, False)
    """
    host = urlsplit(url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scheme(url):
    if url is None:
        return "https"
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        whole = False
    if not whole or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("--ee-url takes an address like https://earthengine.googleapis.com, without more.")
    return parts.scheme


def resolve_project(option, credentials, environ=os.environ):
    """Cloud project that the requests are made for.

    Parameters
    ----------
    option : str or None
        What the user said; then the variable EARTHENGINE_PROJECT; then what the credentials name.
    credentials : google.auth.credentials.Credentials
    environ : mapping

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If none of them names one.
    """
    own = [getattr(credentials, name, None) for name in ("quota_project_id", "project_id")]
    own = [project for project in own if project and not ee.oauth.is_sdk_project(project)]
    named = [option, environ.get(PROJECT_VARIABLE), *own]
    project = next((name.strip() for name in named if name and name.strip()), None)
    if project is None:
        raise ValueError(
            f"Earth Engine needs a Cloud project: name one with --ee-project or {PROJECT_VARIABLE}. "
            "Register one at https://code.earthengine.google.com/register"
        )
    if not re.fullmatch(r"[A-Za-z0-9:._-]+", project):
        raise ValueError(f"{project!r} is no id of a Cloud project: give the id, not the title.")
    return project


def _default():
    try:
        return ee.data.get_persistent_credentials()
    except ee.EEException as error:
        # The client wants the token of a service account without its scopes, which Google refuses.
        if named := os.environ.get(google.auth.environment_vars.CREDENTIALS):
            return _from_file(Path(named))
        raise ValueError(f"No valid credentials for Earth Engine on this machine. {SIGN_IN}") from error
    except google.auth.exceptions.TransportError as error:
        raise ConnectionError(
            "Google cannot be reached to renew the credentials. Check the network and the proxy."
        ) from error
    except (google.auth.exceptions.GoogleAuthError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"The credentials stored on this machine cannot be read. {SIGN_IN}") from error


def _from_file(path):
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(
            f'{path}: no such file. --ee-credentials takes "default", "anonymous" or a key file.'
        ) from error
    except OSError as error:
        raise ValueError(f"{path}: the credentials cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        content = ""
    # No cause is kept: an error of a parser quotes what it parsed.
    try:
        found = json.loads(content)
    except ValueError:
        raise ValueError(f"{path} is not JSON. Give the key file of a service account in JSON.") from None
    kind = found.get("type") if isinstance(found, dict) else None
    if kind not in _BUILDERS:
        raise ValueError(f"{path} holds {_what(found)}, not the key of a service account (JSON).")
    try:
        return _BUILDERS[kind](found)
    except (ValueError, TypeError, AttributeError, KeyError, google.auth.exceptions.GoogleAuthError):
        raise ValueError(
            f"{path}: the key is damaged or incomplete. Download a new one from the console."
        ) from None


def _service_account(found):
    return google.oauth2.service_account.Credentials.from_service_account_info(found, scopes=ee.oauth.SCOPES)


def _user(found):
    return google.oauth2.credentials.Credentials.from_authorized_user_info(found, scopes=ee.oauth.SCOPES)


_BUILDERS = {"service_account": _service_account, "authorized_user": _user}


def _what(found):
    if isinstance(found, dict) and ("installed" in found or "web" in found):
        return "an OAuth client (the identity of a program)"
    if isinstance(found, dict) and found.get("type") == "external_account":
        return "a workload identity (use --ee-credentials default with GOOGLE_APPLICATION_CREDENTIALS)"
    if isinstance(found, dict) and "refresh_token" in found:
        return "what `earthengine authenticate` writes (use --ee-credentials default)"
    return "something else"
