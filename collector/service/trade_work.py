"""What pages have the collector do about monitored trades: open, edit, close.

The commands are those of `analytics.trades.trade_commands`. A change is stored and published before
whoever asked hears that it was.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from analytics import query
from analytics.control.commands import Action
from analytics.errors import RuleError
from analytics.lake.records import Trade
from analytics.lake.writer import Lake
from analytics.settings import LakeSettings
from analytics.trades.trade_commands import CloseTrade, EditTrade, OpenTrade, check_trade
from collector.runtime.clock import Clock
from collector.service.control_socket import Work
from collector.service.page_work import has_row, page_work

_MILLISECOND: Final = timedelta(milliseconds=1)
_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_FIELDS: Final = tuple(one.name for one in fields(Trade))


@dataclass(frozen=True, slots=True)
class TradeWork:
    """Does what pages ask, if they may."""

    settings: LakeSettings
    clock: Clock
    lake: Lake
    _turn: threading.Lock = field(default_factory=threading.Lock)
    """An edit and a close of one trade come by different requests."""

    def works(self) -> dict[str, Work]:
        """Return the works by name, for the control socket."""
        return {
            kind.work: page_work(self.settings, self.lake, kind, self._store)
            for kind in (OpenTrade, EditTrade, CloseTrade)
        }

    def _store(self, asked: Action) -> None:
        """Store the change that is *asked*; whoever lost the answer asks again, by the same id."""
        with self._turn:
            if not has_row(self.lake, "trades where change_id = $id", id=asked.id):
                trade = self._changed(asked)
                check_trade(trade)
                self.lake.append_records([trade])

    def _changed(self, asked: Action) -> Trade:
        match asked:
            case OpenTrade():
                return self._opened(asked)
            case EditTrade():
                given = asked.model_dump(exclude={"id", "token", "trade"})
                return self._next(asked.trade, change_id=asked.id, change="edit", **given)
            case CloseTrade():
                closed = {"exit_price": asked.exit_price, "closed_ts": self.clock.now()}
                return self._next(asked.trade, change_id=asked.id, change="close", **closed)
        raise TypeError(asked)

    def _opened(self, asked: OpenTrade) -> Trade:
        now = self.clock.now()
        if asked.opened_ts is not None and asked.opened_ts > now:
            raise RuleError(
                f"opened_ts: {asked.opened_ts:%Y-%m-%d %H:%M} UTC is in the future; "
                f"it is {now:%Y-%m-%d %H:%M} UTC"
            )
        given = asked.model_dump(exclude={"token", "opened_ts"})
        return Trade(
            **given,
            change_id=asked.id,
            ts=now,
            change="open",
            base=self._base(asked.venue, asked.symbol),
            opened_ts=asked.opened_ts or now,
        )

    def _base(self, venue: str, symbol: str) -> str:
        with self.lake.cursor() as cursor:
            known = query.fetch(cursor, "instruments_of_venue", venue=venue)
        bases = known.loc[known["symbol"] == symbol, "base"]
        if bases.empty:
            raise RuleError(f"{venue} {symbol}: there is no such pair")
        return str(bases.iloc[0])

    def _next(self, trade: str, **changed: Any) -> Trade:
        """Return the open *trade* as it is once it is *changed*."""
        newest = self._newest(trade)
        if newest.closed_ts is not None:
            raise RuleError("this trade is closed already")
        # After a clock was set back the newest change may lie ahead.
        return replace(newest, ts=max(self.clock.now(), newest.ts + _MILLISECOND), **changed)

    def _newest(self, trade: str) -> Trade:
        with self.lake.cursor() as cursor:
            rows = query.fetch(cursor, "trades", now=_EVER)
        mine = rows[rows["id"] == trade]
        if mine.empty:
            raise RuleError("there is no such trade")
        row = mine.iloc[0]
        return Trade(**{name: _plain(row[name]) for name in _FIELDS})


def _plain(value: Any) -> Any:
    """Return a cell with Python's own time, and None for what is absent."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        time: datetime = value.to_pydatetime()
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return value
