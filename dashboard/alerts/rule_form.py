"""A rule as fields: they show what its table in ``alerts.toml`` says, and write into it.

The text is the only source: each field is read from it anew, and a change is written to its key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, get_args

import streamlit as st

from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import SCOPES, Per, Severity
from analytics.rules.rules_text import with_value

_KEY: Final = "rule_field_{}"
_INSERT: Final = "rule_insert_{}"
_PER: Final[Mapping[Per, str]] = {
    "pair": "Each pair",
    "asset": "Each asset, over all venues",
    "market": "The market",
    "venue": "Each venue's data",
}
_SPAN: Final = "90s, 5m, 4h, 1d"
_LISTS: Final = {
    "venues": ("Only venues", "binance, okx"),
    "pairs": ("Only pairs", "BTC/USDT:USDT"),
    "bases": ("Only assets", "BTC, ETH"),
}


def rule_form(text_key: str, channels: Sequence[str]) -> None:
    """Draw the fields of the one rule whose table is in session state under *text_key*.

    Args:
        text_key: Where the text is read and written.
        channels: Which are set up, to choose from.
    """
    table = _table(st.session_state[text_key])
    if table is None:
        st.info("This is not one [[rule]] table. Correct it as text.", icon=":material/code:")
        return
    field = partial(_field, text_key, table)
    per: Per = table["per"] if table.get("per") in _PER else "pair"
    name, about, timeframe, severity = st.columns([3, 3, 2, 2])
    with name:
        field(st.text_input, "name", "Name")
    with about:
        field(
            st.selectbox, "per", "Of", default="pair", options=[*_PER],
            format_func=lambda one: _PER[one], then=_without_other_scopes,
        )  # fmt: skip
    with timeframe:
        field(st.selectbox, "timeframe", "Bars", default="5m", options=[*TIMEFRAMES])
    with severity:
        field(
            st.selectbox, "severity", "Severity", default="warning", options=[*get_args(Severity)]
        )
    _condition(field, text_key, "when", "Condition", per)
    _condition(
        field, text_key, "clear", "Clear condition (default: when the condition is false)", per
    )
    hold, keep, cool = st.columns(3)
    for place, key, label in (
        (hold, "for", "Must hold for"),
        (keep, "keep_firing_for", "Must be over for"),
        (cool, "cool_down", "Then quiet for"),
    ):
        with place:
            field(st.text_input, key, label, placeholder=_SPAN)
    if allowed := SCOPES[per]:
        for place, key in zip(st.columns(len(allowed)), allowed, strict=True):
            with place:
                _scope(field, key)
    group, told = st.columns(2)
    with group:
        field(st.text_input, "group", "Group", placeholder="sent as one message")
    with told:
        field(
            st.multiselect, "channels", "Send to", default=[],
            options=[*dict.fromkeys([*channels, *_texts(table.get("channels"))])],
            accept_new_options=True, placeholder="the pages alone",
        )  # fmt: skip
    field(
        st.text_input, "message", "Message",
        placeholder="OI {z_oi} in 15m, crowd long (L/S {ls_accounts})",
        help="A name of the condition in braces is its value; also {subject} and {time}.",
    )  # fmt: skip


def _scope(field: Callable[..., None], key: str) -> None:
    if key == "top":
        field(
            st.number_input, key, "Only the top by volume", default=None, value=None, min_value=1,
            step=1, placeholder="all", read=_rank,
        )  # fmt: skip
        return
    label, example = _LISTS[key]
    field(st.text_input, key, label, placeholder=example, read=_joined, write=_split)


def _condition(field: Callable[..., None], text_key: str, key: str, label: str, per: Per) -> None:
    """Draw the field of a condition, and the names that it may have beside it."""
    text, names = st.columns([3, 1], vertical_alignment="bottom")
    with text:
        field(st.text_area, key, label, height=80)
    with names:
        st.selectbox(
            "Insert a name",
            sorted(COLUMNS[per]),
            index=None,
            key=_INSERT.format(key),
            format_func=_titled,
            placeholder="type to find",
            on_change=_insert,
            args=(text_key, key),
        )


def _titled(name: str) -> str:
    return f"{name} · {QUANTITIES[name].title}" if name in QUANTITIES else name


def _field(
    text_key: str,
    table: Mapping[str, Any],
    widget: Callable[..., object],
    key: str,
    label: str,
    *,
    default: object = "",
    read: Callable[[Any], object] = lambda value: value,
    write: Callable[[Any], object] = lambda value: value,
    then: Callable[[str, object], str] | None = None,
    **options: Any,
) -> None:
    """Draw *widget* with what *table* has under *key*; a change is written there."""
    value = read(table[key]) if key in table else default
    if default == "" and not isinstance(value, str):
        value = str(value)
    # What the text says and a choice does not have is said by the check of the text.
    if "options" in options and not isinstance(value, list) and value not in options["options"]:
        value = default
    if "options" in options and isinstance(value, list) != isinstance(default, list):
        value = default
    st.session_state[_KEY.format(key)] = value
    widget(
        label,
        key=_KEY.format(key),
        on_change=_changed,
        args=(text_key, key, default, write, then),
        **options,
    )


def _changed(
    text_key: str,
    key: str,
    default: object,
    write: Callable[[Any], object],
    then: Callable[[str, object], str] | None,
) -> None:
    """Write a field into the text; one that is empty, or as without it, is no key."""
    value = write(st.session_state[_KEY.format(key)])
    required = key in ("name", "when")
    absent = not required and (value in (None, "", []) or value == default)
    text = with_value(st.session_state[text_key], key, None if absent else value)
    st.session_state[text_key] = text if then is None else then(text, value)


def _without_other_scopes(text: str, per: object) -> str:
    """Return *text* without the keys that narrow rules of another kind than *per*."""
    for key in {key for keys in SCOPES.values() for key in keys} - {*SCOPES[per]}:  # type: ignore[index]
        text = with_value(text, key, None)
    return text


def _insert(text_key: str, key: str) -> None:
    """Put the chosen name behind a condition."""
    name = st.session_state[_INSERT.format(key)]
    if name is None:
        return
    before = str((_table(st.session_state[text_key]) or {}).get(key, ""))
    text = f"{before.rstrip()} {name}".strip()
    st.session_state[text_key] = with_value(st.session_state[text_key], key, text)
    st.session_state[_INSERT.format(key)] = None


def _table(text: str) -> dict[str, Any] | None:
    """Return the only rule of *text*, unchecked; None if it has not just one."""
    try:
        rules = tomllib.loads(text).get("rule")
    except tomllib.TOMLDecodeError:
        return None
    match rules:
        case [dict() as table]:
            return table
        case _:
            return None


def _rank(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 1 else None


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _joined(value: object) -> str:
    return ", ".join(_texts(value)) if isinstance(value, list) else str(value)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
