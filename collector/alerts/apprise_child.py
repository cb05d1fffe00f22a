"""Sends one message through apprise, as a process of its own.

apprise takes half a second and 30 MB to load, waits in threads that nothing can end, and logs
addresses. Here it may: the process is killed where it hangs, and what it logs stays in it.

Reads ``{"addresses": [...], "message": {"title": ..., "body": ...} or null}`` from standard input,
and writes for each address what service it is of, what that takes and, as ``error``, why the
message did not arrive.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Final

import apprise

_REASONS: Final = ("Socket Exception", "Response Details", "Email error", "SMTP")
"""How what a service answered begins in apprise's log, of details that are no warnings."""


class _Reasons(logging.Handler):
    """Keeps why something failed."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING or text.startswith(_REASONS):
            self.texts.append(text)


def handled(address: str, message: dict[str, str] | None) -> dict[str, Any]:
    """Send *message*, if there is one, to *address*; return what came of it.

    The error may hold parts of the address.
    """
    reasons = _Reasons()
    log = logging.getLogger("apprise")
    log.addHandler(reasons)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        plugin = apprise.Apprise.instantiate(address)
        if plugin is None:
            return {"error": _why_none(address)}
        service = {
            "title": str(plugin.service_name),
            "title_maxlen": plugin.title_maxlen,
            "body_maxlen": plugin.body_maxlen,
        }
        if message is None:
            return {"service": service, "error": None}
        sent = plugin.notify(**message, body_format="text", overflow=apprise.OverflowMode.TRUNCATE)
        return {"service": service, "error": None if sent else "; ".join(reasons.texts)}
    except Exception as error:  # noqa: BLE001
        # One of 130 services' code, on an answer of any kind.
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        log.removeHandler(reasons)


def _why_none(address: str) -> str:
    """Return why apprise takes no such address, without a word of it."""
    scheme, found, _ = address.partition("://")
    if found and scheme.lower() in apprise.plugins.N_MGR:
        return f"its address is incomplete or wrong for {scheme.lower()}://"
    return "its address begins with no service that apprise knows, such as tgram:// or mailtos://"


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    answers = [handled(address, asked["message"]) for address in asked["addresses"]]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
