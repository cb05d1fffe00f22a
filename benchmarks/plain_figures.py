"""GLOSSARY.md's figures in plain pandas and numpy, from nothing but a lake's raw tables.

Written for reading beside GLOSSARY.md, not for speed; ``audit.py`` compares the product with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.signals.thresholds import Thresholds

Floats: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = dict[str, Floats]
"""By metric: bars x pairs."""

FIVE = timedelta(minutes=5)
PER_BAR = {"5m": 1, "15m": 3, "30m": 6, "1h": 12, "4h": 48, "1d": 288}
CLOSING = {"5m": 1, "15m": 1, "30m": 1, "1h": 1, "4h": 3, "1d": 12}
FLOWS = ("traded_usd", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd")
LAST = (
    *("close", "mark", "index", "oi_base", "oi_usd", "volume_24h_usd", "funding_rate"),
    *("funding_interval_h", "funding_settled", "ls_accounts"),
)
HEARD = {
    **{"price": "close", "oi_usd": "oi_usd", "volume_24h_usd": "volume_24h_usd"},
    **{"funding_8h_pct": "funding_8h_pct", "ls_accounts": "ls_accounts"},
    "book_imbalance": "book_imbalance",
}
"""Figures of a pair now, and the bar's column of each."""


class Raw:
    """The raw tables, and bars as known at a time."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        for table in ("snapshots", "bars", "instruments", "cycles", "liquidations"):
            columns = "* exclude (filled)" if table == "bars" else "*"
            setattr(self, table, cursor.execute(f"select {columns} from {table}").df())  # noqa: S608
        self.bars = self.bars.set_index(["venue", "symbol", "ts"]).sort_index()
        self.fills = cursor.execute(
            "select venue, symbol, ts, unnest(map_keys(filled)) as name,"
            " unnest(map_values(filled)) as at_ts from bars where filled is not null"
        ).df()
        for rows in (self.snapshots, self.bars):
            rate, hours = rows["funding_rate"], rows["funding_interval_h"]
            rows["funding_8h_pct"] = 100 * rate * 8 / hours

    def known(self, by: pd.Timestamp | None) -> pd.DataFrame:
        """Bars without rows and values that became known after *by*; None: all."""
        bars, fills = self.bars.copy(), self.fills.set_index(["venue", "symbol", "ts"])
        paid = fills.index[fills["name"] == "funding_rate"]
        bars["funding_settled"] = (bars["snapshot_count"] == 0) | bars.index.isin(paid)
        bars["funding_settled"] = bars["funding_settled"].astype(float)
        if by is not None:
            for name, late in fills[fills["at_ts"] > by].groupby("name"):
                bars.loc[late.index, name] = np.nan
            bars = bars[bars["known_ts"].isna() | (bars["known_ts"] <= by)]
        bars.loc[bars["funding_rate"].isna(), "funding_settled"] = np.nan
        bars["funding_8h_pct"] = 100 * bars["funding_rate"] * 8 / bars["funding_interval_h"]
        takers = bars["taker_buy_usd"] + bars["taker_sell_usd"]
        return bars.assign(traded_usd=bars["volume_usd"].fillna(takers))


def grid(bars: pd.DataFrame, pairs: Sequence[tuple[str, str]], now: datetime) -> Cells:
    """5-minute bars finished at *now*, from the first midnight; columns are *pairs*."""
    begun = bars.index.get_level_values("ts")
    times = pd.date_range(begun.min().floor("D"), pd.Timestamp(now) - FIVE, freq="5min")
    numbers = bars.select_dtypes("number")
    return {
        name: column.unstack(["venue", "symbol"]).reindex(times, columns=pairs).to_numpy(float)
        for name, column in numbers.items()
    }


def newest(values: Floats) -> Floats:
    """The last known value along the first axis."""
    found = np.full(values.shape[1], np.nan)
    for row in values:
        found = np.where(np.isfinite(row), row, found)
    return found


def cut(five: Cells, timeframe: str, *, under_way: bool) -> Cells:
    """Bars of *timeframe* from 5-minute bars that begin at midnight."""
    per, count = PER_BAR[timeframe], len(five["close"])
    whole = -(-count // per) if under_way else count // per
    parts = [slice(n * per, min((n + 1) * per, count)) for n in range(whole)]

    def each(make: Callable[[Floats, slice], Floats], name: str) -> Floats:
        width = five["close"].shape[1]
        made = [make(five[name][part], part) for part in parts]
        return np.array(made, float).reshape(-1, width)

    weight = np.fmax(np.nan_to_num(five["snapshot_count"]), 1)

    def mean(values: Floats, part: slice) -> Floats:
        weights = np.where(np.isfinite(values), weight[part], 0)
        return np.nansum(values * weights, axis=0) / np.where(
            weights.sum(0) > 0, weights.sum(0), np.nan
        )

    bars = {name: each(lambda v, _: newest(v[-CLOSING[timeframe] :]), name) for name in LAST}
    bars["open"] = each(lambda v, _: newest(v[::-1]), "open")
    bars["high"] = each(lambda v, _: np.fmax.reduce(v), "high")
    bars["low"] = each(lambda v, _: np.fmin.reduce(v), "low")
    bars |= {name: each(mean, name) for name in ("book_imbalance", "spread_bps")}
    for name in FLOWS:
        known = each(lambda v, _: np.isfinite(v).mean(axis=0), name)
        total = each(lambda v, _: np.nansum(v, axis=0), name)
        bars[name] = np.where(known >= 0.75, total, np.nan)
        bars[name.replace("_usd", "_coverage_pct")] = 100 * known
    return bars


def nearest(
    pair: pd.DataFrame, bars: pd.DataFrame, name: str, at: pd.Timestamp
) -> tuple[float, float]:
    """The value of *name* nearest to *at*, and how far before *at* that is [s]; NaN beyond 150 s.

    Bar ends are used only if no snapshot lies within a minute.
    """
    for rows, reach in ((pair, 60), (pd.concat([pair, bars], ignore_index=True), 150)):
        known = rows.dropna(subset=[name])
        before = (at - known["heard"]).dt.total_seconds()
        before = before[before.abs() <= reach]
        if len(before):
            first = (before.abs() - 1e-6 * np.sign(before)).argmin()
            return float(known.loc[before.index].iloc[first][name]), float(before.iloc[first])
    return np.nan, np.nan


def pairs_now(raw: Raw, bars: pd.DataFrame, now: pd.Timestamp, span: timedelta) -> pd.DataFrame:
    """Figures of every pair with data in the last ten minutes, and *span* earlier."""
    heard = raw.snapshots[raw.snapshots["received_ts"] <= now].assign(
        heard=lambda rows: rows["received_ts"]
    )
    ended = bars.reset_index().assign(heard=lambda rows: rows["ts"] + FIVE)
    ended = ended[ended["heard"] <= now].assign(price=lambda rows: rows["close"])
    since, rows = now - timedelta(minutes=10), []
    snapshots_of, bars_of = (dict(iter(x.groupby(["venue", "symbol"]))) for x in (heard, ended))
    for key in sorted(snapshots_of | bars_of):
        snapshots = snapshots_of.get(key, heard.iloc[:0])
        of_bars = bars_of.get(key, ended.iloc[:0])
        lately = snapshots[snapshots["heard"] > since]
        lately = lately if len(lately) else of_bars[of_bars["heard"] > since]
        if lately.empty:
            continue
        row: dict[str, object] = {"venue": key[0], "symbol": key[1]}
        for name in HEARD:
            known = lately.dropna(subset=[name])
            row[name] = known[name].iloc[-1] if len(known) else np.nan
            if len(known) and name != "book_imbalance":
                far = known["heard"].iloc[-1] - span
                around = [
                    one[(one["heard"] - far).abs() <= timedelta(seconds=150)]
                    for one in (snapshots, of_bars)
                ]
                then, late = nearest(*around, name, far)
                row[f"{name}_then"], row[f"{name}_s"] = then, span.total_seconds() + late
        rows.append(row)
    return pd.DataFrame(rows).set_index(["venue", "symbol"])


def ratio_of(ratios: Floats, weights: Floats) -> float:
    """The long/short ratio of the mean share of longs."""
    longs = mean_by(ratios / (1 + ratios), weights)
    return longs / (1 - longs)


def mean_by(values: Floats, weights: Floats) -> float:
    both = np.isfinite(values) & np.isfinite(weights)
    return float(np.average(values[both], weights=weights[both])) if both.any() else np.nan


def cards(pairs: pd.DataFrame) -> dict[str, tuple[float, float, float, int]]:
    """Per card: value, change (amounts in %), pairs with a value, pairs known at both ends."""
    total = lambda values, _: float(np.nansum(values)) if np.isfinite(values).any() else np.nan  # noqa: E731
    made = {
        "global_oi_usd": ("oi_usd", "oi_usd", total),
        "oi_volume_weighted_usd": ("oi_usd", "volume_24h_usd", mean_by),
        "volume_24h_usd": ("volume_24h_usd", "volume_24h_usd", total),
        "funding_8h_pct": ("funding_8h_pct", "oi_usd", mean_by),
        "ls_accounts": ("ls_accounts", "oi_usd", ratio_of),
    }
    found = {}
    for figure, (name, weight, make) in made.items():
        now, then, weights = (pairs[one].to_numpy(float) for one in (name, f"{name}_then", weight))
        counted = np.isfinite(now) & (np.isfinite(weights) | (make is total))
        both = counted & np.isfinite(then) & np.isfinite(weights)
        before, after = make(then[both], weights[both]), make(now[both], weights[both])
        change = 100 * (after / before - 1) if figure.endswith("usd") else after - before
        found[figure] = (make(now, weights), change, counted.sum(), both.sum())
    return found


def courses(bars: pd.DataFrame, mark: pd.Timestamp) -> dict[str, pd.Series]:
    """Per card, the day before *mark*: the value now, less the change of those known then."""
    begun = bars.index.get_level_values("ts")
    day = bars[begun >= mark - timedelta(hours=24, minutes=10)]
    found = {}
    for figure, name, weight in (
        ("global_oi_usd", "oi_usd", None),
        ("oi_volume_weighted_usd", "oi_usd", "volume_24h_usd"),
        ("volume_24h_usd", "volume_24h_usd", None),
        ("funding_8h_pct", "funding_8h_pct", "oi_usd"),
        ("ls_accounts", "longs", "oi_usd"),
    ):
        then = day[name].unstack("ts")
        late = [ts for ts in then.columns if ts >= mark - 3 * FIVE]
        now = newest(then[late].T.to_numpy(float))
        weights = np.ones(len(now))
        if weight is not None:
            weights = newest(day[weight].unstack("ts")[late].T.to_numpy(float))
        both = np.isfinite(then.T.to_numpy(float)) & np.isfinite(now * weights)
        was = np.where(both, then.T.to_numpy(float), 0) @ np.nan_to_num(weights)
        known = np.where(both, now, 0) @ np.nan_to_num(weights)
        amount = both @ np.nan_to_num(weights)
        whole = np.nansum(now * weights)
        every = np.nansum(np.where(np.isfinite(now), weights, np.nan))
        level = whole if weight is None else whole / every
        course = level * was / known if figure.endswith("usd") else level - (known - was) / amount
        # Coverage of a sum is measured by its values, that of a mean by its weights.
        part = known / whole if weight is None else amount / every
        times = pd.DatetimeIndex(then.columns + FIVE).tz_localize("UTC")
        line = pd.Series(course, times)[part >= 0.8]
        found[figure] = line / (1 - line) if name == "longs" else line
    return found


def in_order(values: Floats, make: Callable[[Floats], Floats]) -> Floats:
    """*make* of each column's known values, put back into their rows."""
    made = np.full(values.shape[:2], np.nan)
    for n in range(values.shape[1]):
        known = np.isfinite(values[:, n]) if values.ndim == 2 else np.isfinite(values[:, n]).all(1)
        if known.any():
            made[known, n] = make(values[known, n])
    return made


def wilder(values: Floats, period: int = 14) -> Floats:
    """Wilder's average: the mean of the first *period*, then smoothed by 1 / *period*."""
    made = np.full(len(values), np.nan)
    if len(values) >= period:
        made[period - 1] = values[:period].mean()
        for n in range(period, len(values)):
            made[n] = made[n - 1] + (values[n] - made[n - 1]) / period
    return made


def rsi(close: Floats) -> Floats:
    moves = np.diff(close)
    up, down = wilder(np.clip(moves, 0, None)), wilder(np.clip(-moves, 0, None))
    with np.errstate(all="ignore"):
        return np.concatenate([[np.nan], 100 * up / (up + down)])


def atr(bars: Floats) -> Floats:
    """Columns: high, low, close."""
    high, low, close = bars.T
    before = close[:-1]
    reach = np.fmax(high[1:], before) - np.fmin(low[1:], before)
    return np.concatenate([[np.nan], wilder(reach)])


def obv(bars: Floats) -> Floats:
    """Columns: close, traded."""
    close, traded = bars.T
    return np.concatenate([traded[:1], traded[0] + np.cumsum(np.sign(np.diff(close)) * traded[1:])])


def bollinger(close: Floats) -> Floats:
    """The upper band."""
    rolled = pd.Series(close).rolling(20)
    return (rolled.mean() + 2 * rolled.std(ddof=0)).to_numpy()


def deviation(returns: Floats) -> Floats:
    """Rolling sample standard deviation over 20."""
    return pd.Series(returns).rolling(20).std().to_numpy()


def z_oi(change: Floats, *, robust: bool = False) -> Floats:
    """Each change against the 20 known before it, within the 40 rows before it."""
    made = np.full(change.shape, np.nan)
    for n in range(change.shape[1]):
        rows = np.flatnonzero(np.isfinite(change[:, n]))
        for place in range(20, len(rows)):
            row, before = rows[place], change[rows[place - 20 : place], n]
            if row - rows[place - 20] > 40:
                continue
            middle = np.median(before) if robust else before.mean()
            mad = 1.4826 * np.median(np.abs(before - middle))
            spread = mad if robust else before.std(ddof=1)
            made[row, n] = (change[row, n] - middle) / spread if spread > 0 else np.nan
    return made


def delta(values: Floats, bars: int = 1) -> Floats:
    return values - pd.DataFrame(values).shift(bars).to_numpy()


def delta_pct(values: Floats, bars: int = 1) -> Floats:
    return 100 * (values / pd.DataFrame(values).shift(bars).to_numpy() - 1)


def chained(levels: Floats, gone_after: int) -> Floats:
    """A chained sum: bar to bar changes of those known in both; the newest is the plain sum."""
    known = np.isfinite(levels)
    first = np.array([np.argmax(column) if column.any() else len(column) for column in known.T])
    last = np.array([len(c) - 1 - np.argmax(c[::-1]) if c.any() else -1 for c in known.T])
    last[len(levels) - 1 - last <= gone_after] = len(levels)
    rows = np.arange(len(levels))[:, None]
    whole = known.any(1) & ~((rows >= first) & (rows <= last) & ~known).any(1)
    line, later = np.full(len(levels), np.nan), None
    for row in np.flatnonzero(whole)[::-1]:
        if later is None:
            line[row] = levels[row, known[row]].sum()
        else:
            both = known[row] & known[later]
            line[row] = line[later] * levels[row, both].sum() / levels[later, both].sum()
        later = row
    return line


def split(oi_usd: Floats, oi_base: Floats) -> Cells:
    """OI change by price and by contracts (Bennet's decomposition)."""
    price = oi_usd / oi_base
    coins_then, price_then = (pd.DataFrame(one).shift(1).to_numpy() for one in (oi_base, price))
    return {
        "oi_price_usd": (oi_base + coins_then) / 2 * (price - price_then),
        "oi_contracts_usd": (price + price_then) / 2 * (oi_base - coins_then),
    }


def running(bars: Cells) -> Cells:
    """CVD and OBV from the first row; absent below three quarters known since then."""
    bought, sold = bars["taker_buy_usd"], bars["taker_sell_usd"]
    net = bought - sold
    cvd = np.where(np.isfinite(net), np.nancumsum(net, axis=0), np.nan)
    volume = in_order(np.stack([bars["close"], bars["traded_usd"]], 2), obv)
    known = np.fmin(bars["taker_buy_coverage_pct"], bars["taker_sell_coverage_pct"])
    made = {}
    for name, line, part in (
        ("cvd_usd", cvd, known),
        ("obv_usd", volume, bars["traded_coverage_pct"]),
    ):
        is_in = np.isfinite(line)
        bars_since = np.maximum(np.cumsum(np.logical_or.accumulate(is_in), axis=0), 1)
        so_far = np.cumsum(np.where(is_in, part, 0), axis=0) / bars_since
        made[name] = np.where(so_far >= 75, line, np.nan)
    return made


def measured(bars: Cells) -> Cells:
    """The heatmap's measures of each bar."""
    with np.errstate(all="ignore"):
        bought, sold = bars["taker_buy_usd"], bars["taker_sell_usd"]
        funding = 100 * bars["funding_rate"] * 8 / bars["funding_interval_h"]
        flows = np.stack([bars["liq_long_usd"], bars["liq_short_usd"]])
        told = np.isfinite(flows).any(axis=0)
        total = bought + sold
        return {
            "oi_delta_pct": delta_pct(bars["oi_usd"]),
            "price_delta_pct": delta_pct(bars["close"]),
            "z_oi": z_oi(delta_pct(bars["oi_usd"])),
            "rsi_14": in_order(bars["close"], rsi),
            "funding_8h_pct": funding,
            "funding_delta_pp": delta(funding),
            "ls_accounts": bars["ls_accounts"],
            "ls_delta_pct": delta_pct(bars["ls_accounts"]),
            "book_imbalance_pct": 100 * bars["book_imbalance"],
            "taker_imbalance_pct": 100 * (bought - sold) / np.where(total > 0, total, np.nan),
            "basis_pct": 100 * (bars["mark"] / bars["index"] - 1),
            "last_premium_pct": 100 * (bars["close"] / bars["index"] - 1),
            "oi_usd": bars["oi_usd"],
            "traded_usd": bars["traded_usd"],
            "liquidated_usd": np.where(told, np.nansum(flows, axis=0), np.nan),
        }


def over_span(five: Cells, of: Cells, name: str, over: str, bars: int) -> Floats:
    """A measure over the last *bars* 5-minute bars to a pair's newest bar, at most two late.

    *of* is ``measured`` of *five*.
    """
    level = {"oi_delta_pct": "oi_usd", "price_delta_pct": "close", "ls_delta_pct": "ls_accounts"}
    base = of["funding_8h_pct"] if name == "funding_delta_pp" else five.get(level.get(name, ""))
    base = of[name] if base is None else base
    made = np.full(base.shape[1], np.nan)
    for n in range(base.shape[1]):
        rows = np.flatnonzero(np.isfinite(base[:, n]))
        end = rows[-1] + 1 if len(rows) and len(base) - 1 - rows[-1] <= 2 else len(base)
        stretch = slice(max(end - bars, 0), end)
        known = np.isfinite(base[stretch, n])
        if over == "change":
            if end > bars:
                then, now = base[end - 1 - bars, n], base[end - 1, n]
                made[n] = now - then if name == "funding_delta_pp" else 100 * (now / then - 1)
        elif over == "mean":
            if known.sum() >= 0.75 * bars:
                made[n] = np.nanmean(base[stretch, n])
        else:
            made[n] = _sum_over(five, name, n, stretch, bars)
    return made


def _sum_over(five: Cells, name: str, n: int, stretch: slice, bars: int) -> float:
    def total(flow: str) -> float:
        cells = five[flow][stretch, n]
        return float(np.nansum(cells)) if np.isfinite(cells).sum() >= 0.75 * bars else np.nan

    if name == "taker_imbalance_pct":
        bought, sold = total("taker_buy_usd"), total("taker_sell_usd")
        return 100 * (bought - sold) / (bought + sold) if bought + sold else np.nan
    if name == "traded_usd":
        return total("traded_usd")
    sides = np.array([total("liq_long_usd"), total("liq_short_usd")])
    return float(np.nansum(sides)) if np.isfinite(sides).any() else np.nan


def over(values: Floats, limit: float) -> Floats:
    """1 if above *limit*, 0 if not, NaN if unknown."""
    return np.where(np.isfinite(values), (values > limit).astype(float), np.nan)


def every(*conditions: Floats) -> Floats:
    """Whether all hold: false if one is false, else unknown if one is unknown."""
    stack = np.stack(conditions)
    unknown = np.where(np.isnan(stack).any(axis=0), np.nan, 1.0)
    return np.where((stack == 0).any(axis=0), 0.0, unknown)


def fired(bars: Cells, of: Sequence[tuple[str, str]], limits: Thresholds) -> dict[object, Floats]:
    """The six tiers and their inputs; *of* has venue and base of each column."""
    change, z = delta_pct(bars["oi_usd"]), z_oi(delta_pct(bars["oi_usd"]))
    unusual = over(z, limits.z_oi)
    crowd = over(bars["ls_accounts"], limits.ls_accounts)
    book = over(np.abs(100 * bars["book_imbalance"]), limits.book_imbalance_pct)
    made: dict[object, Floats] = {1: unusual, 2: every(unusual, crowd, book)}
    made["confluence"] = (
        pd.DataFrame([one.ravel() for one in (unusual, crowd, book)])
        .mean()
        .to_numpy()
        .reshape(z.shape)
    )
    pushed = np.sign(bars["taker_buy_usd"] - bars["taker_sell_usd"]) * np.sign(
        delta_pct(bars["close"])
    )
    made[3] = every(over(pushed, 0), over(change, limits.oi_delta_pct))
    ran = np.where(bars["funding_settled"] == 1, np.nan, bars["funding_rate"])
    funding = (100 * ran * 8 / bars["funding_interval_h"]).round(9)
    excess = np.full(funding.shape, np.nan)
    for venue in {one[0] for one in of}:
        mine = [n for n, one in enumerate(of) if one[0] == venue]
        rates = pd.DataFrame(funding[:, mine])
        median = rates.median(axis=1).where(rates.count(axis=1) >= limits.funding_instruments)
        excess[:, mine] = (funding[:, mine] - median.to_numpy()[:, None]).round(9)
    made[4] = every(
        over(funding, limits.funding_8h_pct),
        over(excess, limits.funding_excess_pct),
        over(-change, 0),
    )
    made["oi_share_pct"], made["z_oi_share"] = shares(bars["oi_usd"], of)
    made[5] = over(np.abs(made["z_oi_share"]), limits.z_oi_share)
    by_base = pd.DataFrame((made[2] == 1).T).groupby([one[1] for one in of]).max().T
    count = (
        by_base.rolling(limits.cluster_bars, min_periods=1).max().sum(axis=1).to_numpy()[:, None]
    )
    made["tier_2_bases"] = count.astype(float)
    unknown = np.isnan(made[2]).all(axis=1, keepdims=True) & (count < limits.cluster_bases)
    made[6] = np.where(unknown, np.nan, (count >= limits.cluster_bases).astype(float))
    return made


def shares(oi_usd: Floats, of: Sequence[tuple[str, str]]) -> tuple[Floats, Floats]:
    """Each venue's share of each base, and z of its change; columns by base and venue."""
    holders = sorted({(base, venue) for venue, base in of})
    share, z = (np.full((len(oi_usd), len(holders)), np.nan) for _ in range(2))
    for place, (base, venue) in enumerate(holders):
        all_of = oi_usd[:, [n for n, one in enumerate(of) if one[1] == base]]
        mine = pd.DataFrame(oi_usd[:, [n for n, one in enumerate(of) if one == (venue, base)]])
        held = mine.sum(axis=1, min_count=1).to_numpy()
        share[:, place] = (100 * held / np.nansum(all_of, axis=1)).round(6)
        known = pd.DataFrame(np.isfinite(all_of)).rolling(22).sum().to_numpy()
        steady = ((known == 0) | (known == 22)).all(axis=1)
        moved = pd.Series(share[:, place]).diff().round(6)
        before = moved.shift(1).rolling(20)
        score = (moved - before.mean()) / before.std().where(before.std() > 1e-12)
        z[:, place] = np.where(steady, score, np.nan)
    return share, z
