"""What HTTP fails with, in one place for REST and websockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from collector.runtime.http_session import TooLarge, why_no_answer
from collector.runtime.retry_after import retry_after

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = ConnectionKey("fapi.binance.com", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("17", timedelta(seconds=17)),
        (" 17 ", timedelta(seconds=17)),
        ("Thu, 01 Jan 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Thursday, 01-Jan-26 12:05:00 GMT", timedelta(minutes=5)),
        ("Thu, 01 Jan 2026 12:05:00 -0000", timedelta(minutes=5)),
        ("Thu, 01 Jan 2026 13:05:00 +0100", timedelta(minutes=5)),
        ("9" * 400, timedelta(days=3)),
        ("9" * 5000, timedelta(days=3)),
        ("Thu, 01 Jan 2099 12:05:00 GMT", timedelta(days=3)),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 2026 11:59:00 GMT", None),
        ("Thu, 99 Jan 2026 11:59:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, wait):
    """As RFC 9110 has it; a misprint is no ban for years, and no time at all says nothing."""
    found = retry_after({"RETRY-AFTER": text}, NOON)

    assert found == (None if wait is None else NOON + wait)


def test_without_the_header_nothing_is_said():
    assert retry_after({"Content-Type": "text/html"}, NOON) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "connection refused"),
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed")),
            "connection refused",
        ),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("not known")), "DNS lookup failed"),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("handshake")), "TLS failed"),
        (ConnectionResetError("Cannot write to closing transport"), "connection reset"),
        (aiohttp.ServerDisconnectedError(), "connection reset"),
        (aiohttp.ClientPayloadError("cut"), "response cut short"),
        (TimeoutError(), "no answer in time"),
        (TooLarge("the response is larger than 32 MB"), "the response is larger than 32 MB"),
        (
            aiohttp.ClientConnectorError(KEY, OSError(101, "Network is unreachable")),
            "no connection: [Errno 101] Network is unreachable",
        ),
        (aiohttp.ClientError(), "no connection"),
    ],
)
def test_the_same_trouble_reads_the_same(error, words):
    """Whether REST or a websocket met it; no words of an object in memory."""
    assert why_no_answer(error) == words


def test_how_long_was_waited_is_said_where_it_is_known():
    assert why_no_answer(TimeoutError(), 0.2) == "timeout after 0.2 s"
