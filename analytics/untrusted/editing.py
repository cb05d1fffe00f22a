"""Who may change rules, silence alerts and write other things into a lake from a page."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Literal

from analytics.untrusted.hosts import is_ours, is_same_place

Editors = Literal["loopback", "token", "off"]
"""``loopback``: whoever opens the page by a loopback address, without a proxy; ``token``: whoever
knows the token; ``off``: nobody."""

_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


def refusal(
    editors: Editors,
    headers: Mapping[str, str],
    *,
    token: str | None = None,
    given: str | None = None,
) -> str | None:
    """Return why whoever sent a request with *headers* may not edit, None if they may.

    A proxy that passes neither its name (Host, Origin) nor a header of its own looks like loopback:
    behind one, set ``token`` or ``off``.

    Args:
        editors: The setting.
        headers: Of the page's request, whatever the case of their names.
        token: The one that is asked for.
        given: The one that was typed.
    """
    if editors == "loopback":
        return None if is_local(headers) else _REMOTE
    return token_refusal(editors, token=token, given=given)


def token_refusal(editors: Editors, *, token: str | None, given: str | None) -> str | None:
    """Return why nobody, or who has *given* no right token, may edit: all that a collector knows.

    Whether a page was opened by loopback only the page knows.
    """
    if editors == "off":
        return "Editing is switched off here (PERPSCOPE_EDIT_RULES=off)."
    if editors == "loopback":
        return None
    if token and given and hmac.compare_digest(token.encode(), given.encode()):
        return None
    return "The edit token is wrong." if given else "Editing needs the edit token."


def is_local(headers: Mapping[str, str]) -> bool:
    """Return whether a request with these *headers* was made on this machine, by no proxy."""
    headers = {name.lower(): value for name, value in headers.items()}
    if any(name.lower() in headers for name in _OF_PROXIES):
        return False
    host, origin = headers.get("host", ""), headers.get("origin")
    return is_ours(host) and (origin is None or is_same_place(origin, host))


_REMOTE = (
    "Editing is possible only on the machine that perpscope runs on, by a loopback address "
    "(PERPSCOPE_EDIT_RULES=loopback)."
)
