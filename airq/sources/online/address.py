"""Addresses of services, and of what may stand in for them.

A service can be moved to a mirror, or to a stand-in on this machine: scheme and host change, path and
parameters stay.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit


def moved_to(address: str, url: str | None) -> str:
    """Return an address with the scheme and host of another, its path behind the other's.

    >>> moved_to("https://example.org/v1/archive", "http://127.0.0.1:8080")
    'http://127.0.0.1:8080/v1/archive'
    """
    if url is None:
        return address
    there, here = urlsplit(url), urlsplit(address)
    return urlunsplit((there.scheme, there.netloc, there.path.rstrip("/") + here.path, here.query, ""))


def service_name(url: str | None, official: str, *, option: str = "--url") -> str:
    """Return who answers at an address: a host, or a server on this machine whatever its port."""
    if url is None:
        return official
    check_address(url, option=option, example=f"https://{official}")
    return "a server on this machine" if is_loopback(url) else urlsplit(url).netloc


def named_service(service: str, official: str, name: str) -> str:
    """Return how a panel names the service that answered: by its `name`, or as what stands in for it.

    >>> named_service("a server on this machine", "example.org", "Example")
    'SIMULATED, or another stand-in for Example (a server on this machine)'
    """
    return name if service == official else f"SIMULATED, or another stand-in for {name} ({service})"


def is_loopback(url: str | None) -> bool:
    """Return whether an address is on this machine.

    >>> is_loopback("http://127.0.0.1:8080"), is_loopback("http://[::1]"), is_loopback(None)
    (True, True, False)
    """
    host = urlsplit(url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(url: str, *, option: str = "--url", example: str = "http://127.0.0.1:8080"):
    """Return "http" or "https"; raise ValueError if `url` is not the address of a service."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        whole = False
    if not whole or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{option} takes an address like {example}, without more.")
    return parts.scheme
