"""The newest values of what rules are about, by the queries behind Overview's table and cards.

A pair that is silent has no row. Each value has its time in a column beside it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics import query
from analytics.indicators.funding import premium_pct
from analytics.market import figures
from analytics.panels.panel import Pair, load
from analytics.quantities import QUANTITIES
from analytics.rules import columns
from analytics.rules.liquidations import newest_hour
from analytics.rules.reading import Reading, mark
from analytics.rules.rules_file import Per

CONNECT_TIMEOUT: Final = timedelta(minutes=5)
"""A stream that has been connecting for longer is down."""

_HOUR: Final = ("z_liquidations", "liquidations_1h_usd")
_KEYS: Final = ["venue", "symbol"]
_CHANGES: Final = ("price_delta_pct", "oi_usd_then", "oi_base_then") + tuple(
    f"{name}_then" for name in ("funding_8h_pct", "ls_accounts")
)
_FLOWS: Final = tuple(
    f"{flow}_{kind}"
    for flow in ("cvd", "liq_long", "liq_short")
    for kind in ("usd", "coverage_pct")
)


def levels(read: Reading, per: Per, names: Collection[str]) -> pd.DataFrame:
    """Return a row for each subject: what names it, and at least the levels called *names*."""
    if per == "venue":
        return _venues(read)
    match per:
        case "pair":
            return _pairs(read, names)
        case "asset":
            return _assets(read, names)
        case "market":
            return _market(read)


def time_of(rows: pd.DataFrame, name: str) -> pd.Series[pd.Timestamp]:
    """Return when the values called *name* were so."""
    for own in (f"{name}_ts", QUANTITIES[name].ts):
        if own in rows:
            return rows[own].fillna(rows["received_ts"])
    return rows["received_ts"]


def _newest(read: Reading) -> pd.DataFrame:
    """Return the newest values of every pair, as ``pairs.sql`` has them, without its changes."""

    def asked() -> pd.DataFrame:
        rows = query.fetch(read.cursor, "newest_pairs", **_recent(read))
        price, ago = rows["price"], rows["price_24h_ago"].replace(0.0, np.nan)
        if (ago.isna() & price.notna()).any():
            of_bars = _beside(rows, read.once("day ago", "5m", lambda: _day_ago(read)), _KEYS)
            ago = ago.fillna(of_bars["close"])
        return read.counted.named(rows.assign(price_24h_pct=100 * (price / ago - 1)))

    return read.once("pairs", "5m", asked, also=read.now)


def _day_ago(read: Reading) -> pd.DataFrame:
    """Return the price of 24 hours ago (``close``) of the pairs of which bars have it."""
    bounds: dict[str, Any] = {"known_by": read.known_by, "bars": 3}
    panel = load(read.cursor, ["close"], "5m", now=read.now - timedelta(days=1), **bounds)
    keys = pd.DataFrame([pair[:2] for pair in panel.instruments], columns=_KEYS, dtype="str")
    closes = pd.DataFrame(panel.values["close"]).ffill().to_numpy()
    return keys.assign(close=closes[-1:].reshape(-1))


def _recent(read: Reading) -> dict[str, datetime]:
    return {"now": read.now, "known_by": read.known_by, "since": read.silent_before}


def _pairs(read: Reading, names: Collection[str]) -> pd.DataFrame:
    rows = _newest(read)
    if "basis_pct" in names:
        price, index = (rows[f"basis_{of}"].to_numpy(np.float64) for of in ("mark", "index"))
        rows = rows.assign(basis_pct=premium_pct(price, index))
    if "funding_apr_pct" in names:
        rows = rows.assign(funding_apr_pct=columns.per_year(rows["funding_8h_pct"]))
    if "funding_excess_pct" in names:
        keys = zip(rows["venue"], rows["symbol"], rows["base"], strict=True)
        funding = rows["funding_8h_pct"].to_numpy(np.float64)[None]
        excess = columns.excess_pct(funding, [Pair(*key) for key in keys])[0]
        rows = rows.assign(funding_excess_pct=excess, funding_excess_pct_ts=rows["funding_ts"])
    if "funding_paid_8h_pct" in names:
        rows = _beside(rows, read.once("paid", "1h", lambda: _paid(read)), _KEYS)
    if any(name in _HOUR for name in names):
        rows = _beside(rows, _liquidations(read, by_asset=False), _KEYS)
    return rows


def _beside(rows: pd.DataFrame, found: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return *rows* with the other columns of *found*, which has each of *keys* once.

    A merge takes three times as long.
    """
    names, known = (zip(*(one[key].tolist() for key in keys), strict=True) for one in (rows, found))
    place = {name: n for n, name in enumerate(known)}
    at = np.array([place.get(name, -1) for name in names], np.intp)
    others = found.drop(columns=list(keys))
    return rows.assign(
        **{str(name): cells.array.take(at, allow_fill=True) for name, cells in others.items()}
    )


def _paid(read: Reading) -> pd.DataFrame:
    """Return the funding of each pair that was paid last."""
    end = mark(read.now, "1h")
    bounds: dict[str, Any] = {"now": end, "known_by": read.known_by, "bars": columns.PAID_BARS}
    panel = load(read.cursor, columns.FUNDING, "5m", **bounds)
    paid, ended = (cells[-1:].reshape(-1) for cells in columns.paid_8h_pct(panel))
    return pd.DataFrame(
        {
            "venue": _texts(pair.venue for pair in panel.instruments),
            "symbol": _texts(pair.symbol for pair in panel.instruments),
            "funding_paid_8h_pct": paid,
            "funding_paid_8h_pct_ts": pd.DatetimeIndex(ended).tz_localize(UTC),
        }
    )


def _assets(read: Reading, names: Collection[str]) -> pd.DataFrame:
    quantities = {columns.named("asset", name, "5m").quantity for name in names}
    of_snapshots = {*columns.LEVELS["asset"], columns.CONFLUENCE} - {"volume_24h_usd", *_HOUR}
    rows = _summed(read) if quantities & of_snapshots else _by_volume(_newest(read))
    if any(name in _HOUR for name in names):
        rows = _beside(rows, _liquidations(read, by_asset=True), ["base"])
    return rows


def _by_volume(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the assets and their volume: a third of a pass would go to the rest."""
    place, bases = pd.factorize(pairs["base"])
    times = ("volume_24h_usd_ts", "received_ts")
    oldest = {name: pairs[name].groupby(place).min().array for name in times}
    volume = pairs["volume_24h_usd"].groupby(place).sum(min_count=1).array
    return pd.DataFrame({"base": bases, "volume_24h_usd": volume, **oldest})


def _summed(read: Reading) -> pd.DataFrame:
    given = {
        # Changes no rule reads of snapshots.
        "pairs": _newest(read).assign(**dict.fromkeys(_CHANGES, np.nan)),
        # Which venues are silent, and flows over a span, no rule reads.
        "silent_pairs": _no_rows("venue", "symbol", "base"),
        "pair_flows": _no_rows(*_KEYS).assign(**{name: np.empty(0) for name in _FLOWS}),
    }
    params: dict[str, Any] = {
        **{"silent_before": read.silent_before, "venues": None, "symbols": None},
        # Those rows have the bases that instruments are counted under.
        **{"counted_pairs": [], "counted_names": []},
    }
    return query.fetch(read.cursor, "assets", given, **params)


def _liquidations(read: Reading, *, by_asset: bool) -> pd.DataFrame:
    """Return how unusual the liquidations of the newest hour are."""
    ended = pd.Timestamp(mark(read.now, "5m"))
    rows = read.once(("liquidations", by_asset), "5m", lambda: newest_hour(read, by_asset=by_asset))
    rows = rows[[*(["base"] if by_asset else _KEYS), *_HOUR]]
    return rows.assign(**{f"{name}_ts": ended for name in _HOUR})


def _market(read: Reading) -> pd.DataFrame:
    rows = _newest(read)
    row = figures.market(rows).to_dict()
    # As of an asset, a sum is as old as the oldest value in it.
    return pd.DataFrame([{**row, "received_ts": rows["received_ts"].min()}])


def _venues(read: Reading) -> pd.DataFrame:
    rows = query.fetch(read.cursor, "venue_health", now=read.now)
    down = [None if pd.isna(text) else streams_down(text, read.now) for text in rows["streams"]]
    age_s = (pd.Timestamp(read.now) - rows["newest_ts"]).dt.total_seconds()
    return rows.assign(
        age_s=age_s,
        streams_down=np.array(down, np.float64),
        received_ts=rows["finished_ts"],
        streams_down_ts=rows["streams_ts"],
        age_s_ts=pd.Timestamp(read.now),
    )


def streams_down(text: str, now: datetime) -> int:
    """Return how many channels give nothing, or have been connecting for too long.

    *text* is the status that a cycle recorded, as JSON by channel.
    """
    states = [(status.get("state"), status.get("since")) for status in json.loads(text).values()]
    return sum(
        state == "down"
        or (state == "connecting" and since is not None and now - _time(since) > CONNECT_TIMEOUT)
        for state, since in states
    )


def _time(text: str) -> datetime:
    return pd.Timestamp(text).tz_convert(UTC).to_pydatetime()


def _no_rows(*names: str) -> pd.DataFrame:
    return pd.DataFrame({name: _texts(()) for name in names})


def _texts(words: Iterable[str]) -> pd.api.extensions.ExtensionArray:
    """Return *words* as a column of texts, also where there are none."""
    return pd.array(list(words), dtype="str")
