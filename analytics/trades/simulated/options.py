"""How signals are traded, written as options: ``10%``, ``vol:20%``, ``0.02/0.05``, ``book+2``."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
