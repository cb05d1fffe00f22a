"""How a message looks that a client must not believe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from simulator.rest.spans import HOUR_MS

_PRICES = ("p", "ap", "px", "bkPx", "lastPrice", "last", "markPx", "c", "bid1Price", "oi")
_SIDES = ("b", "a", "bids", "asks")
_MOMENTS = ("T", "E", "ts", "cts")


def _changed(payload: bytes, change: Callable[[dict[str, Any]], bool]) -> bytes:
    """Return the message after *change* has been tried on its objects, the innermost first."""
    message = orjson.loads(payload)
    _walk(message, change)
    return orjson.dumps(message)


def _walk(node: Any, change: Callable[[dict[str, Any]], bool]) -> bool:
    """Return whether an object was found that *change* could change."""
    if isinstance(node, list):
        return any(_walk(one, change) for one in node)
    if isinstance(node, dict):
        inner = [value for value in node.values() if isinstance(value, dict | list)]
        return any(_walk(one, change) for one in inner) or change(node)
    return False


def _with_price(written: str | None) -> Callable[[dict[str, Any]], bool]:
    """Return a change that writes another price, or takes the price away."""

    def change(node: dict[str, Any]) -> bool:
        price = next((name for name in _PRICES if isinstance(node.get(name), str)), None)
        side = next((name for name in _SIDES if isinstance(node.get(name), list)), None)
        found = price or (side if side and node[side] else None)
        if found is None:
            return False
        if written is None:
            del node[found]
        elif found == price:
            node[price] = written
        else:
            node[found][0][0] = written
        return True

    return change


def _later(node: dict[str, Any]) -> bool:
    """Move the times of an object an hour ahead."""
    found = [name for name in _MOMENTS if str(node.get(name, "")).isdigit()]
    for name in found:
        value = node[name]
        node[name] = value + HOUR_MS if isinstance(value, int) else str(int(value) + HOUR_MS)
    return bool(found)


def _unknown_event(payload: bytes) -> bytes:
    """Name an event or a channel that no client has heard of."""
    message = orjson.loads(payload)
    if "e" in message:
        message["e"] = "unheardOf"
    elif "topic" in message:
        message["topic"] = f"unheardOf.{message['topic'].partition('.')[2]}"
    elif isinstance(message, dict) and "arg" in message:
        message["arg"]["channel"] = "unheard-of"
    return orjson.dumps(message)


CORRUPTIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "ws_truncated": lambda payload: payload[: len(payload) // 2],
    "ws_unknown_event": _unknown_event,
    "ws_missing_field": lambda payload: _changed(payload, _with_price(None)),
    "ws_text_number": lambda payload: _changed(payload, _with_price("n/a")),
    "ws_zero_price": lambda payload: _changed(payload, _with_price("0")),
    "ws_future_time": lambda payload: _changed(payload, _later),
}
"""What becomes of a message; the key is the fault's kind."""
