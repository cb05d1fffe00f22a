"""Websocket frames as bytes, so that one frame can go to many connections.

A server's frames are not masked (RFC 6455), so a frame does not depend on who gets it.
"""

from __future__ import annotations

import struct

_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A


def _frame(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", kind, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", kind, 126, size) + payload
    return struct.pack("!BBQ", kind, 127, size) + payload


def text_frame(payload: bytes) -> bytes:
    """Return a whole text message."""
    return _frame(_TEXT, payload)


def ping_frame(payload: bytes) -> bytes:
    """Return a ping, of at most 125 bytes."""
    return _frame(_PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping."""
    return _frame(_PONG, payload)


def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame with the reason in at most 123 bytes."""
    return _frame(_CLOSE, struct.pack("!H", code) + reason.encode()[:123])
