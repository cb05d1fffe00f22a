"""Every figure of a lake computed twice: by the product, and in plain pandas from the raw tables.

    python benchmarks/audit.py LAKE [--at TIME ...]

LAKE is any collected lake, best one with outages: a venue that went silent, pairs that left and
joined. Compared are its end, the middle and the end of the longest outage of a venue, and a moment
soon after collecting began, or the given times (UTC); each as known then, and with what became
known later. Printed per figure: cells compared, largest relative difference, cells that only one
side has, cells marked partial, and a verdict. Cells agree within 1e-8; exits with 1 if any do not.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import plain_figures as plain
from plain_figures import Cells, Raw

from analytics import formats, query
from analytics.cli import query_cli
from analytics.correlation.matrix import correlation
from analytics.exports.csv import csv_bytes
from analytics.indicators.change import log_returns
from analytics.lake.reader import Reader
from analytics.market import figures, measures
from analytics.market.pair_history import METRICS, history
from analytics.market.venue_summary import quoted, venue_summaries
from analytics.panels import panel
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.reports.day_report import Day, day_report
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS as OF_TIERS
from analytics.signals.tiers import tiers

AGREES = 1e-8
_SUMS = ("oi_usd", "volume_24h_usd")
MAIN = Path(__file__).parents[1] / "dashboard" / "main.py"


@dataclass
class Row:
    """The comparison of one figure."""

    cells: int = 0
    worst: float = 0.0
    alone: int = 0
    partial: int = 0
    wrong: set[str] = field(default_factory=set)


class Audit:
    """All comparisons so far, by figure."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.where = ""

    def compare(self, figure: str, mine: object, theirs: object, *, partial: int = 0) -> None:
        """Compare cell by cell; NaN is absent. Differences are relative to the value, or to a
        millionth of the typical value if that is larger, as values near 0 would differ hugely."""
        a, b = (np.asarray(one, float).ravel() for one in (mine, theirs))
        row = self.rows.setdefault(figure, Row())
        alone = int((np.isfinite(a) != np.isfinite(b)).sum()) if a.shape == b.shape else a.size + 1
        row.cells, row.alone, row.partial = (
            row.cells + a.size,
            row.alone + alone,
            row.partial + partial,
        )
        both = np.isfinite(a) & np.isfinite(b) if a.shape == b.shape else np.zeros(a.size, bool)
        worst = 0.0
        if both.any():
            a, b = a[both], b[both]
            scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-6 * np.median(np.abs(a)))
            off = np.divide(np.abs(a - b), scale, out=np.zeros_like(a), where=scale > 0)
            worst = float(off.max())
        row.worst = max(row.worst, worst)
        if alone or worst > AGREES:
            row.wrong.add(self.where)

    def same(self, figure: str, mine: Iterable[object], theirs: Iterable[object]) -> None:
        """Compare cells that are not numbers."""
        pairs = list(zip(mine, theirs, strict=True))
        differ = [one != other for one, other in pairs]
        self.compare(figure, np.zeros(len(pairs)), np.array(differ, float))

    def print(self) -> bool:
        """Print the table; return whether all agree."""
        print(f"{'figure':44}{'cells':>9}{'rel':>9}{'alone':>7}{'partial':>9}  verdict")
        for name, row in self.rows.items():
            marked = "partial, marked" if row.partial else "exact"
            verdict = f"WRONG at {', '.join(sorted(row.wrong))}" if row.wrong else marked
            print(f"{name:44}{row.cells:9}{row.worst:9.0e}{row.alone:7}{row.partial:9}  {verdict}")
        return not any(row.wrong for row in self.rows.values())


@dataclass
class At:
    """One moment, and the data known then."""

    cursor: duckdb.DuckDBPyConnection
    raw: Raw
    now: datetime
    known_by: datetime
    is_past: bool
    grids: dict[tuple[tuple[str, str], ...], Cells] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mark = self.now - (self.now - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=5)
        self.naive = pd.Timestamp(self.now).tz_localize(None)
        everything = self.known_by == query.ANY_TIME
        self.bars = self.raw.known(None if everything else self.naive)
        self.times = {"now": self.now, "known_by": self.known_by}
        self.over = pd.Timestamp(self.mark).tz_localize(None)
        self.seen = self.bars[self.bars.index.get_level_values("ts") < self.over]

    def fetch(self, name: str, **params: object) -> pd.DataFrame:
        """The rows of the query *name*."""
        since = {"since": self.now - timedelta(minutes=10)}
        given = {**self.times, **since, **params}
        asked = {key: value for key, value in given.items() if key in query.parameters(name)}
        return query.fetch(self.cursor, name, **asked)

    def panel(self, metrics: Sequence[str], timeframe: str, *, unfinished: bool = False) -> Panel:
        """The product's bars of a month."""
        return panel.load(
            self.cursor,
            metrics,
            timeframe,
            now=self.mark,
            known_by=self.known_by,
            start=self.now - timedelta(days=30),
            unfinished=unfinished,
        )

    def mine(self, theirs: Panel, *, unfinished: bool = False) -> Cells:
        """Our recomputed bars, in the layout of the panel *theirs*."""
        pairs = tuple(one[:2] for one in theirs.instruments)
        if pairs not in self.grids:
            self.grids[pairs] = plain.grid(self.seen, list(pairs), self.over)
        made = plain.cut(self.grids[pairs], theirs.timeframe, under_way=unfinished)
        return {name: cells[len(cells) - len(theirs.times) :] for name, cells in made.items()}


def audit_bars(audit: Audit, at: At) -> None:
    """Bars from snapshots, then cut bars of every timeframe, whole ones and the one under way."""
    metrics = [*plain.LAST, "open", "high", "low", "book_imbalance", "spread_bps", *plain.FLOWS]
    metrics += [name.replace("_usd", "_coverage_pct") for name in plain.FLOWS]
    for timeframe in TIMEFRAMES:
        for unfinished in (False, True):
            seen = at.panel(metrics, timeframe, unfinished=unfinished)
            mine = at.mine(seen, unfinished=unfinished)
            for name in metrics:
                part = 0
                if name in plain.FLOWS:
                    known = seen.values[name.replace("_usd", "_coverage_pct")]
                    part = int((np.isfinite(seen.values[name]) & (known < 100)).sum())
                figure = "flows" if name in plain.FLOWS else "coverage of flows"
                figure = figure if "_coverage" in name or name in plain.FLOWS else "O H L C, levels"
                audit.compare(
                    f"bars {timeframe}: {figure}", mine[name], seen.values[name], partial=part
                )


def audit_pairs(audit: Audit, at: At) -> None:
    """Newest state and changes, and the cards, at every timeframe."""
    for timeframe, span in TIMEFRAMES.items():
        theirs = at.fetch("pairs", span_s=int(span.total_seconds()))
        rows = theirs.set_index(["venue", "symbol"]).sort_index()
        mine = plain.pairs_now(at.raw, at.bars, at.naive, span).sort_index()
        audit.same("pairs: who", mine.index, rows.index)
        for name in ("price", "oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts"):
            audit.compare("pairs: newest state", mine[name], rows[name])
        audit.compare(
            "pairs: newest state", 100 * mine["book_imbalance"], rows["book_imbalance_pct"]
        )
        for name, column, seconds in (
            ("price", "price_delta_pct", "price_delta_s"),
            ("oi_usd", "oi_delta_pct", "oi_delta_s"),
            ("ls_accounts", "ls_delta_pct", "ls_delta_s"),
        ):
            audit.compare(
                f"pairs: changes {timeframe}",
                100 * (mine[name] / mine[f"{name}_then"] - 1),
                rows[column],
            )
            audit.compare("pairs: time of a change", mine[f"{name}_s"], rows[seconds])
        moved = mine["funding_8h_pct"] - mine["funding_8h_pct_then"]
        audit.compare(f"pairs: changes {timeframe}", moved, rows["funding_delta_pp"])
        audit_cards(audit, at, span, theirs, mine)


def audit_cards(
    audit: Audit, at: At, span: timedelta, theirs: pd.DataFrame, mine: pd.DataFrame
) -> None:
    past = at.fetch("market_history", now=at.mark, symbols=None)
    silent = at.fetch("silent_pairs", is_past=at.is_past)
    told = at.fetch("liquidated", now=at.mark, span_s=int(span.total_seconds()))
    seen = figures.whole_market(theirs, past, told, span, silent)
    universe = universe_of(at)
    audit.same(
        "cards: silent pairs",
        [sorted(universe - set(mine.index))],
        [sorted(zip(silent.venue, silent.symbol, strict=True))],
    )
    for name, (value, change, count, compared) in plain.cards(mine).items():
        figure, is_amount = seen[name], name.endswith("usd")
        came = figure.change
        found = np.nan if came is None else came.pct if is_amount else came.difference
        audit.compare("cards: value", [value], [figure.value])
        audit.compare("cards: change", [change], [found])
        expected = len(universe | set(mine.index))
        audit.compare(
            "cards: pairs known, expected, compared",
            [count, expected, compared],
            [figure.pairs, figure.expected, 0 if came is None else came.pairs],
        )
        audit.compare("cards: of a part", [], [], partial=int(count < expected))
    audit_liquidations(audit, at, universe | set(mine.index), seen["liquidations_1h_usd"])
    audit_courses(audit, at, seen)


def universe_of(at: At) -> set[tuple[str, str]]:
    """The universe; at a past moment, pairs with data in the last hour of their venue's data."""
    if not at.is_past:
        listed = at.raw.instruments[at.raw.instruments["in_universe"]]
        return set(zip(listed["venue"], listed["symbol"], strict=True))
    heard = at.raw.snapshots[at.raw.snapshots["received_ts"] <= at.naive]
    last = heard.groupby("venue")["received_ts"].transform("max")
    late = heard[heard["received_ts"] > last - timedelta(hours=1)]
    return set(zip(late["venue"], late["symbol"], strict=True))


def audit_liquidations(
    audit: Audit, at: At, universe: set[tuple[str, str]], seen: figures.Figure
) -> None:
    """The hour's liquidations from bars, with the pairs and the part of the hour covered."""
    flows = at.seen[["liq_long_usd", "liq_short_usd"]].sum(axis=1, min_count=1).unstack("ts")
    mark, total, known = pd.Timestamp(at.mark).tz_localize(None), 0.0, []
    for venue in sorted({one[0] for one in universe}):
        mine = flows[flows.index.get_level_values("venue") == venue]
        ends = at.seen.loc[[venue]].index.get_level_values("ts").max() + plain.FIVE
        end = ends if ends > mark - 2 * plain.FIVE else mark
        hour = mine[[ts for ts in mine.columns if end - timedelta(hours=1) <= ts < end]]
        hour = hour[[pair in universe for pair in hour.index]]
        total += float(np.nansum(hour.to_numpy(float)))
        known += [bars for bars in hour.notna().sum(axis=1) if bars]
    least = timedelta() if not known else min(known) * plain.FIVE
    mine = [total if known else np.nan, len(known), least.total_seconds()]
    theirs = [seen.value, seen.pairs, (seen.summed_least or timedelta()).total_seconds()]
    is_part = len(known) < len(universe) or min(known, default=0) < 12
    if is_part == seen.is_whole:
        mine = [np.nan]  # A partial value that is not marked.
    audit.compare("liquidations 1 h, pairs, time", mine, theirs, partial=int(is_part))


def audit_courses(audit: Audit, at: At, seen: dict[str, figures.Figure]) -> None:
    """The cards' figures over the day."""
    bars = at.seen.assign(longs=at.seen["ls_accounts"] / (1 + at.seen["ls_accounts"]))
    for figure, course in plain.courses(bars, at.over).items():
        theirs = seen[figure].past
        times = course.index.union(theirs.index)
        audit.compare("cards: course of the day", course.reindex(times), theirs.reindex(times))


def audit_indicators(audit: Audit, at: At) -> None:
    """Each pair's indicators on whole bars of 5m to 1h, and each base over its venues."""
    for timeframe in ("5m", "15m", "1h"):
        seen = at.panel(METRICS, timeframe)
        mine, per_year = at.mine(seen), timedelta(days=365) / TIMEFRAMES[timeframe]
        close, oi = mine["close"], mine["oi_usd"]
        with np.errstate(all="ignore"):
            returns = np.log(close / pd.DataFrame(close).shift(1).to_numpy())
        made = {
            "rsi_14": plain.in_order(close, plain.rsi),
            "bollinger_upper": plain.in_order(close, plain.bollinger),
            "atr_14": plain.in_order(
                np.stack([mine[name] for name in ("high", "low", "close")], 2), plain.atr
            ),
            "volatility_pct": 100 * np.sqrt(per_year) * plain.in_order(returns, plain.deviation),
            "z_oi": plain.z_oi(plain.delta_pct(oi)),
            "z_robust": plain.z_oi(plain.delta_pct(oi), robust=True),
            "oi_delta_pct": plain.delta_pct(oi),
            "basis_pct": 100 * (mine["mark"] / mine["index"] - 1),
            "last_premium_pct": 100 * (close / mine["index"] - 1),
            **plain.split(oi, mine["oi_base"]),
            **plain.running(mine),
        }
        for n, pair in enumerate(seen.instruments):
            of_pair = history(seen, pair[:2], len(seen.times), {})
            for name, cells in made.items():
                part = int(of_pair.partial(name).sum()) if name in ("cvd_usd", "obv_usd") else 0
                audit.compare(f"indicators: {name}", cells[:, n], of_pair.lines[name], partial=part)
        for base in sorted({one.base for one in seen.instruments}):
            audit_base(audit, seen, mine, base)


def audit_base(audit: Audit, seen: Panel, mine: Cells, base: str) -> None:
    """A base over its venues: chained open interest, and means by it."""
    columns = [n for n, one in enumerate(seen.instruments) if one.base == base]
    only = Panel(
        seen.times,
        tuple(seen.instruments[n] for n in columns),
        {name: cells[:, columns] for name, cells in seen.values.items()},
        seen.timeframe,
        seen.now,
    )
    of_base = history(only, None, len(seen.times), {}).lines
    a_day = max(288 // plain.PER_BAR[seen.timeframe], 1)
    line = plain.chained(mine["oi_usd"][:, columns], a_day)
    audit.compare("base over venues: open interest", line, of_base["oi_usd"])
    ratios = [
        plain.ratio_of(r, w)
        for r, w in zip(mine["ls_accounts"][:, columns], mine["oi_usd"][:, columns], strict=True)
    ]
    known = np.isfinite(of_base["ls_accounts"])
    audit.compare(
        "base over venues: long/short", np.array(ratios)[known], of_base["ls_accounts"][known]
    )


def audit_heatmap(audit: Audit, at: At) -> None:
    """Every measure over bars of each timeframe, and over spans up to now."""
    needed = sorted({name for one in measures.MEASURES.values() for name in one.metrics})
    for timeframe in TIMEFRAMES:
        seen = at.panel(needed, timeframe)
        of = plain.measured(at.mine(seen))
        for name, measure in measures.MEASURES.items():
            theirs = measures.by_bar(seen, measure)
            known = theirs.coverage_pct
            part = 0 if known is None else int((np.isfinite(theirs.values) & (known < 100)).sum())
            audit.compare(f"heatmap over bars {timeframe}", of[name], theirs.values, partial=part)
    five = at.panel(needed, "5m")
    mine, names = at.mine(five), list(TIMEFRAMES)
    of = plain.measured(mine)
    for name, measure in measures.MEASURES.items():
        if measure.over != "bars":
            theirs = measures.over_spans(five, measure, names)
            known = theirs.coverage_pct
            part = 0 if known is None else int((np.isfinite(theirs.values) & (known < 100)).sum())
            spans = np.stack(
                [plain.over_span(mine, of, name, measure.over, plain.PER_BAR[one]) for one in names]
            )
            audit.compare("heatmap over timeframes", spans, theirs.values, partial=part)


def audit_tiers(audit: Audit, at: At) -> None:
    """The six tiers and confluence of every bar; tier 6 by bases."""
    limits = Thresholds()
    for timeframe in ("5m", "1h"):
        seen = at.panel(OF_TIERS, timeframe)
        mine = plain.fired(
            at.mine(seen), [(one.venue, one.base) for one in seen.instruments], limits
        )
        for tier in tiers(seen, limits):
            audit.compare(f"tiers: {tier.number}", mine[tier.number], tier.fired)
            for name in {
                "confluence",
                "oi_share_pct",
                "z_oi_share",
                "tier_2_bases",
            } & tier.seen.keys():
                # Shares are rounded to a millionth of a point, so their z to some 1e-4.
                theirs, digits = tier.seen[name], 2 if name == "z_oi_share" else 6
                audit.compare(f"tiers: {name}", mine[name].round(digits), theirs.round(digits))


def audit_correlation(audit: Audit, at: At) -> None:
    for timeframe in ("5m", "1h"):
        seen = at.panel(["close", "oi_base"], timeframe)
        mine = at.mine(seen)
        for name in ("close", "oi_base"):
            with np.errstate(all="ignore"):
                returns = pd.DataFrame(np.log(mine[name])).diff()
            for method in ("pearson", "spearman"):
                theirs = correlation(log_returns(seen.values[name]), method=method)
                r = returns.corr(method=method, min_periods=20)
                audit.compare(f"correlation: {method}", r, theirs.r)


def audit_venues(audit: Audit, at: At) -> None:
    """Exchanges: shares, funding and basis of each venue; Health: completeness of half an hour."""
    mine = plain.pairs_now(at.raw, at.bars, at.naive, timedelta(hours=1))
    pairs = quoted(at.fetch("pairs", span_s=3600), at.fetch("pair_quotes"))
    past, silent = (
        at.fetch("market_history", now=at.mark, symbols=None),
        at.fetch("silent_pairs", is_past=at.is_past),
    )
    heard = at.raw.snapshots[
        (at.raw.snapshots["received_ts"] <= at.naive)
        & (at.raw.snapshots["received_ts"] > at.naive - timedelta(minutes=10))
    ]
    quotes = heard.dropna(subset=["mark", "index"]).groupby(["venue", "symbol"]).last()
    basis = (100 * (quotes["mark"] / quotes["index"] - 1)).reindex(mine.index)
    for one in venue_summaries(pairs, past, TIMEFRAMES["1h"], silent):
        rows = mine.loc[[one.venue]]
        audit.compare(
            "venues: shares",
            [100 * rows[name].sum() / mine[name].sum() for name in _SUMS],
            [one.oi_share_pct, one.volume_share_pct],
        )
        weights = rows["oi_usd"].to_numpy()
        funding = plain.mean_by(rows["funding_8h_pct"].to_numpy(), weights)
        audit.compare("venues: funding APR", [funding * 1095], [one.funding_apr_pct])
        if basis.loc[[one.venue]].notna().all():
            audit.compare(
                "venues: basis",
                [plain.mean_by(basis.loc[[one.venue]].to_numpy(), weights)],
                [one.basis_pct],
            )
    since = at.now - timedelta(minutes=30)
    stored = at.fetch(
        "completeness",
        since=since,
        earliest=at.now - timedelta(hours=24),
        venues=None,
        interval_s=30,
    )
    begin, cycles = at.naive - timedelta(minutes=30), at.raw.cycles
    for _, row in stored.iterrows():
        mine_of = cycles[(cycles["venue"] == row["venue"]) & (cycles["finished_ts"] <= at.naive)]
        run = mine_of[mine_of["started_ts"] > begin]
        due = (at.naive - max(mine_of["started_ts"].min(), begin)).total_seconds() / 30
        asked = (
            run["asked"][run["asked"] > 0].mean()
            if (run["asked"] > 0).any()
            else mine_of["asked"][mine_of["asked"] > 0].iloc[-1]
        )
        rows = at.raw.snapshots[
            (at.raw.snapshots["venue"] == row["venue"])
            & at.raw.snapshots["received_ts"].between(begin, at.naive, inclusive="right")
        ]
        have = len(rows) if row["metric"] == "snapshots" else rows[row["metric"]].count()
        audit.compare(
            "health: completeness",
            [min(100 * have / (asked * due), 100)],
            [row["completeness_pct"]],
        )


def audit_outputs(audit: Audit, at: At, lake: Path) -> None:
    """`perpscope query`, the day report and its tables, against the recomputed figures."""
    mine = plain.pairs_now(at.raw, at.bars, at.naive, timedelta(days=1))
    out = io.StringIO()
    given = [f"now={at.now.isoformat()}", "since=10m", "span_s=86400"]
    given += ["known_by="] if at.known_by == query.ANY_TIME else []
    query_cli.ask(lake, "pairs", given, "csv", out, wall=datetime.now(UTC))
    rows = pd.read_csv(io.StringIO(out.getvalue())).set_index(["venue", "symbol"])
    pairs, past = (
        at.fetch("pairs", span_s=86400),
        at.fetch("market_history", now=at.mark, symbols=None),
    )
    silent = at.fetch("silent_pairs", is_past=at.is_past)
    assets = at.fetch(
        "assets",
        **{"span_s": 86400, "least_known": 0.75, "is_past": at.is_past},
        **{"silent_before": at.now - timedelta(minutes=1), "venues": None, "symbols": None},
        **{"counted_pairs": [], "counted_names": []},
    )
    day = Day(
        pairs=pairs,
        history=past,
        silent=len(silent),
        assets=assets,
        closes=at.panel(["close"], "5m"),
        signals=(),
        thresholds=Thresholds(),
    )
    report = day_report(at.now, "simulator", day)
    text = csv_bytes(report.sections[1]).decode("utf-8-sig")
    top = list(csv.DictReader(io.StringIO(text)))
    by_base = mine.groupby(pairs.set_index(["venue", "symbol"])["base"].reindex(mine.index))
    for name, header in (("oi_usd", "Open interest"), ("volume_24h_usd", "Volume 24 h")):
        audit.compare("query as CSV", mine[name], rows.loc[mine.index][name])
        found = [
            next(float(v) for k, v in row.items() if k.startswith(header) and v) for row in top
        ]
        summed = by_base[name].sum().loc[[row["Asset"] for row in top]]
        audit.compare("day report: CSV of assets", summed, found)
    audit.compare("query as CSV", mine["price"], rows.loc[mine.index]["price"])
    value, change, *_ = plain.cards(mine)["global_oi_usd"]
    whole = {figure.label: figure.value for figure in report.figures}
    audit.same("day report: open interest", [formats.usd(value)], [whole["Open interest"]])
    changes = {figure.label: figure.change for figure in report.figures}
    told = changes["Open interest"] or ""
    audit.same(
        "day report: its change",
        [True],
        [told.startswith(formats.pct(None if np.isnan(change) else change)) or np.isnan(change)],
    )


CARD = re.compile(r'class="label">(.*?)<.*?<b>(.*?)</b>(?:<span class="change .*?">(.*?)</span>)?')
"""Label, value and change of a card of Overview."""


def audit_pages(audit: Audit, at: At, lake: Path) -> None:
    """The cards of Overview as sent to a browser."""
    from streamlit.testing.v1 import AppTest

    os.environ["PERPSCOPE_DATA_DIR"] = str(lake)
    # Not the benchmark of that name.
    sys.path = [place for place in sys.path if Path(place) != Path(__file__).parent]
    for timeframe in ("15m", "1h"):
        page = AppTest.from_file(str(MAIN), default_timeout=120)
        page.switch_page("app_pages/overview.py")
        page.query_params["at"], page.query_params["timeframe"] = at.now.isoformat(), timeframe
        page.query_params["later"] = str(at.known_by == query.ANY_TIME).lower()
        page.run()
        mine = plain.cards(plain.pairs_now(at.raw, at.bars, at.naive, TIMEFRAMES[timeframe]))
        (strip,) = [one.proto.body for one in page.get("html") if 'class="kpis"' in one.proto.body]
        shown = {label: (value, change) for label, value, change in CARD.findall(strip)}
        for name, label, write in (
            ("global_oi_usd", "Open interest", formats.usd),
            ("volume_24h_usd", "Volume 24 h", formats.usd),
            ("funding_8h_pct", "Funding 8 h", lambda value: formats.pct(value, 4)),
            ("ls_accounts", "Long/short", formats.ratio),
        ):
            value, change, *_ = mine[name]
            audit.same("Overview: values", [write(value)], [shown[label][0]])
            if name.endswith("usd") and np.isfinite(change):
                audit.same("Overview: changes", [formats.pct(change)], [shown[label][1]])


def moments(raw: Raw) -> list[datetime]:
    """The end, soon after the beginning, and the middle and end of the longest outage."""
    heard = raw.snapshots.drop_duplicates(["venue", "received_ts"]).sort_values("received_ts")
    until = heard.groupby("venue")["received_ts"].shift(-1)
    begun = heard["received_ts"].where(until.notna()).loc[(until - heard["received_ts"]).idxmax()]
    length = (until - heard["received_ts"]).max()
    found = [
        heard["received_ts"].max(),
        heard["received_ts"].min() + timedelta(minutes=6),
        begun + length * 0.6,
        begun + length + timedelta(minutes=3),
    ]
    return [one.floor("s").tz_localize("UTC").to_pydatetime() for one in found]


PARTS = (
    audit_bars,
    audit_pairs,
    audit_indicators,
    audit_heatmap,
    audit_tiers,
    audit_correlation,
    audit_venues,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--at", type=datetime.fromisoformat, action="append")
    asked = parser.parse_args()
    audit = Audit()
    with Reader(asked.lake).cursor() as cursor:
        raw = Raw(cursor)
        times = [one.replace(tzinfo=one.tzinfo or UTC) for one in asked.at or moments(raw)]
        for now in times:
            for known_by in (now, query.ANY_TIME):
                # A live page shows everything known, whenever it became known.
                is_live = now == times[0] and known_by != now and not asked.at
                at = At(cursor, raw, now, known_by, is_past=not is_live)
                audit.where = f"{now:%H:%M:%S}" + " and later" * (known_by != now)
                for part in PARTS:
                    part(audit, at)
                audit_outputs(audit, at, asked.lake)
                audit_pages(audit, at, asked.lake)
    return 0 if audit.print() else 1


if __name__ == "__main__":
    sys.exit(main())
