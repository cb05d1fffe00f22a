"""HTTP of the collector: responses are limited in size, and redirects to other hosts refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from yarl import URL

MAX_ANSWER_BYTES = 32 * 2**20
"""A larger answer is refused, counted as it is after decompression. [bytes]"""

HTTPS_PORT = 443


class TooLarge(aiohttp.ClientError):
    """An answer is longer than anything that is asked for."""


class Elsewhere(aiohttp.ClientError):
    """The way to another host was pointed out; it is not taken."""


_WORDS: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((aiohttp.TooManyRedirects,), "too many redirects"),
    ((aiohttp.ClientConnectorDNSError,), "DNS lookup failed"),
    ((aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError), "TLS failed"),
    ((ConnectionRefusedError,), "connection refused"),
    ((ConnectionError, aiohttp.ServerDisconnectedError), "connection reset"),
    ((aiohttp.ClientPayloadError,), "response cut short"),
)


def new_session(**options: Any) -> aiohttp.ClientSession:
    """Return a session whose answers are read within the bound and that stays with its hosts.

    Args:
        options: Of `aiohttp.ClientSession`.

    A request raises, beside what aiohttp raises, TooLarge and Elsewhere: whoever
    answers for a venue must not choose what else is asked, on loopback say.
    """
    watched = aiohttp.TraceConfig()
    watched.on_request_redirect.append(_refuse_elsewhere)
    return aiohttp.ClientSession(response_class=_Bounded, trace_configs=[watched], **options)


class _Bounded(aiohttp.ClientResponse):
    """An answer that is read piece by piece, and no further than the bound."""

    async def read(self) -> bytes:
        """Return the body; raises TooLarge, and the connection is closed then."""
        if self._body is None:
            body = bytearray()
            try:
                async for piece in self.content.iter_any():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise TooLarge(f"the response is larger than {MAX_ANSWER_BYTES >> 20} MB")
            except BaseException:
                self.close()
                raise
            self._body = bytes(body)
        return await super().read()


async def _refuse_elsewhere(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    found: aiohttp.TraceRequestRedirectParams,
) -> None:
    """Raise Elsewhere where an answer points to another host, or to a port of its own choice."""
    location = found.response.headers.get("Location") or found.response.headers.get("URI") or ""
    try:
        target = found.url.join(URL(location))
        stays = target.host == found.url.host and target.port in (found.url.port, HTTPS_PORT)
    except ValueError:
        stays = False
    if not stays:
        found.response.close()
        raise Elsewhere(f"redirected to another host: {location[:200]}")


def why_no_answer(error: BaseException, timeout_s: float | None = None) -> str:
    """Return in words why nothing came: the same trouble reads the same wherever it is met.

    Args:
        error: Of aiohttp or the system.
        timeout_s: How long was waited, where that is known. [wall s]
    """
    if isinstance(error, TooLarge | Elsewhere):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time" if timeout_s is None else f"timeout after {timeout_s:g} s"
    # The words of aiohttp name an object in our memory, and so would never be the same twice.
    system = getattr(error, "os_error", error)
    for kinds, words in _WORDS:
        if isinstance(error, kinds) or isinstance(system, kinds):
            return words
    text = str(system)[:200]
    return f"no connection: {text}" if text else "no connection"
