"""Host and Origin headers: whether a request was meant for a server on loopback.

A web page anywhere can have its own name point to loopback and ask a server there
through the visitor's browser; only the name in the request gives it away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}


def is_ours(host: str | None, also: Collection[str] = ()) -> bool:
    """Return whether *host*, a request's Host header, is loopback or one of the names in *also*.

    With any port: the way to loopback may be a tunnel. In *also*, ``*.example.org``
    stands for all names below that one.
    """
    asked = _place(f"//{host}") if host else None
    if asked is None or asked.hostname is None:
        return False
    name = asked.hostname.rstrip(".")
    if name == "localhost" or _is_loopback(name):
        return True
    wanted = [one.lower().rstrip(".") for one in also]
    return name in wanted or any(one.startswith("*.") and name.endswith(one[1:]) for one in wanted)


def is_same_place(origin: str, host: str) -> bool:
    """Return whether *origin*, of the page that asks, is what it asks: name and port are the same.

    A port that is not written is the usual one of the origin's scheme.
    """
    page, asked = _place(origin), _place(f"//{host}")
    if page is None or asked is None or page.scheme not in PORTS:
        return False
    usual = PORTS[page.scheme]
    return (page.hostname, page.port or usual) == (asked.hostname, asked.port or usual)


def _place(address: str) -> SplitResult | None:
    """Return *address* in its parts where it is a host and a port and nothing else."""
    try:
        parts = urlsplit(address)
        # Reading the port is what finds out that it is none.
        more = (parts.username, parts.password, parts.path, parts.query, parts.fragment)
        return None if any(more) or parts.port == 0 else parts
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
