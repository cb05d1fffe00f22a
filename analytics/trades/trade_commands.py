"""What a page has the collector do about trades: open, edit, close; and what makes no sense."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import AwareDatetime, Field

from analytics.control.commands import Action
from analytics.errors import RuleError
from analytics.lake.records import Trade

MAX_LEVERAGE: Final = 500
"""[ratio]"""
MAINTENANCE_MARGIN_PCT: Final = 0.5
"""Of the largest contracts' lowest tier; the venue's own table says which applies. [%]"""

_Amount = Annotated[float, Field(gt=0, lt=1e15, allow_inf_nan=False)]
_Leverage = Annotated[float, Field(ge=1, le=MAX_LEVERAGE)]
_Margin = Annotated[float, Field(ge=0, lt=100)]
_Note = Annotated[str, Field(max_length=500)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class OpenTrade(Action):
    """Begin to monitor a trade, whose id is that of this command."""

    work: ClassVar[str] = "open_trade"

    venue: _Name
    symbol: _Name
    side: Literal["long", "short"]
    entry_price: _Amount
    size_base: _Amount
    leverage: _Leverage
    maintenance_margin_pct: _Margin = MAINTENANCE_MARGIN_PCT
    stop_price: _Amount | None = None
    target_price: _Amount | None = None
    note: _Note | None = None
    opened_ts: AwareDatetime | None = None
    """None: when it is stored."""


class EditTrade(Action):
    """Replace what can change of an open trade."""

    work: ClassVar[str] = "edit_trade"

    trade: _Name
    """Its id."""
    entry_price: _Amount
    size_base: _Amount
    leverage: _Leverage
    maintenance_margin_pct: _Margin
    stop_price: _Amount | None = None
    target_price: _Amount | None = None
    note: _Note | None = None


class CloseTrade(Action):
    """Close a trade at a price."""

    work: ClassVar[str] = "close_trade"

    trade: _Name
    exit_price: _Amount


def check_trade(trade: Trade) -> None:
    """Refuse a trade that makes no sense.

    A stop that was moved beyond the entry, as one that trails the price is, makes sense once the
    trade is open.

    Raises:
        RuleError: The stop or the target is on the wrong side, or the margin would not last.
    """
    up = 1 if trade.side == "long" else -1
    stop, target = trade.stop_price, trade.target_price
    below, above = ("below", "above") if up > 0 else ("above", "below")
    if stop is not None and trade.change == "open" and (trade.entry_price - stop) * up <= 0:
        raise RuleError(
            f"the stop of a {trade.side} is {below} its entry: {stop:g} is not {below} "
            f"{trade.entry_price:g}"
        )
    if target is not None and (target - trade.entry_price) * up <= 0:
        raise RuleError(
            f"the target of a {trade.side} is {above} its entry: {target:g} is not {above} "
            f"{trade.entry_price:g}"
        )
    if stop is not None and target is not None and (target - stop) * up <= 0:
        raise RuleError(
            f"the stop of a {trade.side} is {below} its target: {stop:g} is not {below} {target:g}"
        )
    if trade.maintenance_margin_pct >= (margin_pct := 100 / trade.leverage):
        raise RuleError(
            f"leverage {trade.leverage:g} leaves a margin of {margin_pct:.3g} %, which must be "
            f"above the maintenance margin of {trade.maintenance_margin_pct:g} %"
        )
