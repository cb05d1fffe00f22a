"""How signals are traded, written as options: ``10%``, ``vol:20%``, ``0.02/0.05``, ``book+2``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from analytics import formats
from analytics.errors import QueryError
from analytics.rules.rules_file import span
from analytics.trades.simulated.plan import (
    Fee,
    FixedUsd,
    PercentOfEquity,
    Size,
    SlippageBps,
    SlippageOfBook,
    VolatilityTarget,
)
from analytics.trades.simulated.signals import Model
from analytics.trades.simulated.walk_forward import with_parameter

_AMOUNT: Final = r"(\d+(?:\.\d+)?)"


def size(text: str) -> Size:
    """Return how large a trade is.

    Raises:
        QueryError: It is written otherwise.
    """
    if found := re.fullmatch(_AMOUNT, text):
        return FixedUsd(float(found[1]))
    if found := re.fullmatch(rf"{_AMOUNT}%", text):
        return PercentOfEquity(float(found[1]))
    if found := re.fullmatch(rf"vol:{_AMOUNT}%", text):
        return VolatilityTarget(float(found[1]))
    raise QueryError(
        f"--size {formats.repeated(text)}: write USD as 1000, a part of the equity as 10%, or a "
        "volatility target as vol:20%"
    )


def fee(text: str) -> Fee:
    """Return what a venue charges, ``maker/taker`` in percent; a maker may be paid.

    Raises:
        QueryError: It is written otherwise.
    """
    if found := re.fullmatch(rf"(-?{_AMOUNT})/{_AMOUNT}", text):
        return Fee(maker_pct=float(found[1]), taker_pct=float(found[3]))
    raise QueryError(f"--fee {formats.repeated(text)}: write maker/taker in percent, 0.02/0.05")


def slippage(text: str) -> SlippageBps | SlippageOfBook:
    """Return how far from its price a market order is filled.

    Raises:
        QueryError: It is written otherwise.
    """
    if found := re.fullmatch(_AMOUNT, text):
        return SlippageBps(float(found[1]))
    if found := re.fullmatch(rf"book(?:\+{_AMOUNT})?", text):
        return SlippageOfBook(float(found[1] or 0))
    raise QueryError(
        f"--slippage {formats.repeated(text)}: write basis points as 2, or book or book+2: half "
        "the recorded spread, and an impact"
    )


def number(value: float) -> str:
    """Return *value* as it is written here, without an exponent."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def size_text(found: Size) -> str:
    """Return what :func:`size` reads."""
    match found:
        case FixedUsd(usd):
            return number(usd)
        case PercentOfEquity(pct):
            return f"{number(pct)}%"
    return f"vol:{number(found.pct)}%"


def fee_text(fees: Fee | Mapping[str, Fee]) -> str:
    """Return what :func:`fee` reads.

    Raises:
        QueryError: They differ by venue.
    """
    if not isinstance(fees, Fee):
        raise QueryError("--fee: one for all venues")
    return f"{number(fees.maker_pct)}/{number(fees.taker_pct)}"


def slippage_text(found: SlippageBps | SlippageOfBook) -> str:
    """Return what :func:`slippage` reads."""
    if isinstance(found, SlippageBps):
        return number(found.bps)
    return f"book+{number(found.impact_bps)}"


def time_span(option: str, text: str) -> timedelta:
    """Return a time span; *option* is named where it is none.

    Raises:
        QueryError: It is written otherwise.
    """
    try:
        return span(text)
    except ValueError as error:
        raise QueryError(f"{option} {formats.repeated(text)}: {error}") from error


def with_settings(model: Model, settings: Sequence[str]) -> Model:
    """Return *model* with parameters set as ``period=21``.

    Raises:
        QueryError: One is written otherwise, or the model has none of that name.
    """
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(rf"-?{_AMOUNT}", value):
            raise QueryError(f"--set {formats.repeated(text)}: write NAME=NUMBER, period=21")
        model = with_parameter(model, name, float(value))
    return model
