"""Credentials for Earth Engine: found on this machine, never asked for, never shown."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import ee
import google.auth.credentials
import google.auth.environment_vars
import google.auth.exceptions
import google.oauth2.credentials
import google.oauth2.service_account

from airq.sources.earthengine.errors import SIGN_IN
from airq.sources.online.address import check_address, is_loopback

PROJECT_VARIABLE = "EARTHENGINE_PROJECT"


def load_credentials(name, *, url=None):
    """Return credentials for Earth Engine. Nothing is asked for on the console.

    `name` is "default": what `earthengine authenticate` or `gcloud auth application-default login` left on
    this machine, or what Google's own machines provide; "anonymous": none, for a server on this machine; or
    the path of a JSON file, a service account's key or a user's credentials. Raise ValueError if there are
    none, they are not what they should be, or the service at `url` must not see them.

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
    """Refuse, by ValueError, an address that `credentials` must not be sent to, or that is no address.

    Anonymous requests go to this machine only, and no token goes anywhere in the clear.
    """
    official = "https://earthengine.googleapis.com"
    scheme = check_address(url or official, option="--ee-url", example=official)
    anonymous = isinstance(credentials, google.auth.credentials.AnonymousCredentials)
    if anonymous and not is_loopback(url):
        raise ValueError(
            "Anonymous credentials are for a server on this machine (--ee-url http://127.0.0.1:PORT) only. "
            f"For Earth Engine: {SIGN_IN}"
        )
    if not anonymous and scheme != "https" and not is_loopback(url):
        raise ValueError(f"--ee-url {url} would send your token unencrypted. Give an https address.")


def resolve_project(option, credentials, environ=os.environ):
    """Return the Cloud project that the requests are made for.

    It is the user's `option`; else that of the variable EARTHENGINE_PROJECT; else what the credentials
    name; else ValueError is raised.
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
        raise ValueError(f"{project!r} is not the id of a Cloud project: give the id, not the title.")
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
        content = json.loads(content)
    except ValueError:
        raise ValueError(f"{path} is not JSON. Give the key file of a service account in JSON.") from None
    build = {
        "service_account": google.oauth2.service_account.Credentials.from_service_account_info,
        "authorized_user": google.oauth2.credentials.Credentials.from_authorized_user_info,
    }.get(str(content.get("type")) if isinstance(content, dict) else None)
    if build is None:
        raise ValueError(f"{path} holds {_description(content)}, not the key of a service account (JSON).")
    try:
        return build(content, scopes=ee.oauth.SCOPES)
    except (ValueError, TypeError, AttributeError, KeyError, google.auth.exceptions.GoogleAuthError):
        raise ValueError(
            f"{path}: the key is damaged or incomplete. Download a new one from the console."
        ) from None


def _description(content):
    if not isinstance(content, dict):
        return "something else"
    if "installed" in content or "web" in content:
        return "an OAuth client (the identity of a program)"
    if content.get("type") == "external_account":
        return "a workload identity (use --ee-credentials default with GOOGLE_APPLICATION_CREDENTIALS)"
    if "refresh_token" in content:
        return "what `earthengine authenticate` writes (use --ee-credentials default)"
    return "something else"
