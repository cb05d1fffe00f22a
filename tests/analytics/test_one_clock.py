"""One clock: what is asked for a time is answered from what was known then, and nothing else.

Every public function and query of analytics that takes ``now`` is asked on the whole
record, and on a record that ends at that time. Whoever adds one adds it to the tables here.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import analytics
from analytics import query
from analytics.lake import schema
from analytics.lake.reader import Reader
from analytics.lake.records import Trade
from analytics.lake.writer import Lake
from analytics.market import figures
from analytics.market.pair_figures import pair_figures
from analytics.panels import panel
from analytics.panels.bases import bases
from analytics.quality import checks
from analytics.rules import firings
from analytics.rules.frames import COLUMNS, Frames
from analytics.rules.history import held, replay
from analytics.rules.reading import Kept
from analytics.rules.rules_file import read_rules
from analytics.signals import fired
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS, bars_needed
from analytics.trades import worth
from analytics.trades.simulated import simulation
from analytics.trades.simulated.plan import Plan
from analytics.trades.simulated.record import Record
from analytics.trades.simulated.signals import RsiReversal

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=3)
HEARD = END - timedelta(hours=4)
"""From when on there are snapshots and cycles; before, bars alone."""

NOWS = {
    "on a mark": END - timedelta(hours=2),
    "a millisecond before it": END - timedelta(hours=2, milliseconds=1),
    "within a bar and a cycle": END - timedelta(hours=1, minutes=57, seconds=12.75),
}
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
BAR = timedelta(minutes=5)
CYCLE = timedelta(seconds=30)
SPAN = timedelta(hours=5)
INSTRUMENTS = [
    (venue, f"{base}/USDT:USDT", base)
    for venue in ("binance", "okx")
    for base in ("BTC", "DOGE", "ETH")
]
LATE = ("okx", "NEW/USDT:USDT", "NEW")
"""Listed, and heard of, after every time that is asked for."""
SLOW = ("okx", "SLOW/USDT:USDT", "SLOW")
"""Listed from the beginning on, and heard of after every time that is asked for."""
AWAY = INSTRUMENTS[2]
"""Has no bar in the hours before every time that is asked for, and has some after."""
ALL = [*INSTRUMENTS, LATE, SLOW]

EAGER = Thresholds(
    z_oi=0.3, ls_accounts=0.8, book_imbalance_pct=0.1, oi_delta_pct=0.01, cluster_bases=1
)
"""Something fires in nearly every bar."""

EVERYTHING = {
    **dict.fromkeys(("venues", "bases", "symbols", "pairs")),
    "metrics": list(panel.METRICS),
}


def spanned(now):
    since = now - SPAN
    return {"since": since, "earliest": since - timedelta(days=7), "venues": None}


def panelled(now, minutes):
    start = now - timedelta(days=2)
    return {**EVERYTHING, "bar_ms": minutes * 60_000, "start": start, "end": END + BAR}


CUT = {"closing_ms": 300_000, "least_known": 0.75}


QUERIES = {
    "trades": lambda now: {},
    "alert_changes": lambda now: {},
    "alert_deliveries": lambda now: {},
    "alert_episodes": lambda now: {"since": now - HOUR},
    "alert_silences": lambda now: {},
    "alerts_changed": lambda now: {},
    "alerts_waiting": lambda now: {},
    "asset_classes": lambda now: {},
    "bars_known": lambda now: {},
    "bars_written": lambda now: {"start": now - HOUR},
    "bar_gaps": lambda now: {**spanned(now), "metrics": None},
    "completeness": lambda now: {**spanned(now), "interval_s": 30},
    "freshness": spanned,
    "known_pairs": lambda now: {"since": now - 2 * BAR},
    "collecting_since": lambda now: {"break_s": 90},
    "inverse_contracts": lambda now: {},
    "liquidated": lambda now: {"span_s": 3600},
    "liquidation_hours": lambda now: {
        **{"venues": None, "symbols": None, "counted_pairs": [], "counted_names": []},
        **{"by_asset": True, "least_known": 0.1},
    },
    "multipliers": lambda now: {},
    "funding_stated": lambda now: {"since": now - SPAN, "venues": None, "symbols": None},
    "assets": lambda now: {
        **{"since": now - 2 * BAR, "silent_before": now - BAR / 2, "span_s": 300, "is_past": False},
        **{"venues": None, "symbols": None, "counted_pairs": [], "counted_names": []},
        "least_known": 0.75,
    },
    "pair_flows": lambda now: {"span_s": 3600, "least_known": 0.75},
    "market_history": lambda now: {"symbols": None},
    "newest_cycle": lambda now: {},
    "oi_beside_volume": lambda now: {"since": now - SPAN, "venues": None},
    "pair_names": lambda now: {"since": now - 2 * BAR},
    "newest_pairs": lambda now: {"since": now - 2 * BAR},
    "pair_quotes": lambda now: {"since": now - 2 * BAR},
    "pairs": lambda now: {"since": now - 2 * BAR, "span_s": 300},
    "funding_by_venue": lambda now: {
        **{"since": now - 2 * BAR, "silent_before": now - timedelta(minutes=1)},
        **{"venues": None, "symbols": None, "counted_pairs": [], "counted_names": []},
    },
    "threshold_values": lambda now: {
        **{"span_s": 86_400, "bar_ms": 300_000, "counted_pairs": [], "counted_names": []},
        **{"by_asset": False, "least_known": 0.1},
    },
    "panel_bars": lambda now: {**panelled(now, 60), **CUT},
    "panel_bars_5m": lambda now: panelled(now, 5),
    "panel_bars_of_signals": lambda now: {
        **{"metrics": list(METRICS), "start": now - timedelta(days=2)},
        **{"bar_ms": [300_000, 3_600_000], "firsts": [0, 0], "ends": [10**9, 10**9]},
        **{"closing_ms": [300_000, 300_000], "least_known": 0.75},
    },
    "prices_apart": lambda now: {"factor": 1.02, "bars": 12},
    "refusals": lambda now: {"since": now - SPAN, "venues": None},
    "silent_pairs": lambda now: {"since": now - 2 * BAR, "is_past": False},
    "stream_gaps": lambda now: {"span_s": 86_400},
    "unit_audit": lambda now: {"since": now - SPAN, "venues": None},
    "venue_cycles": lambda now: {},
    "venue_health": lambda now: {},
    "venue_hour": lambda now: {},
    "venue_steps": lambda now: {"start": now - HOUR},
}
"""The other parameters of every query that has ``$now``."""


def _of_quality(function, **also):
    takes = "known_by" in inspect.signature(function).parameters

    def ask(cursor, now, known_by=None):
        how = {"known_by": known_by} if takes else {}
        return function(cursor, now=now, span=SPAN, **also, **how)

    return ask


def _stale(cursor, now, known_by=None):
    how = {"now": now, "known_by": known_by or now, "since": now - SPAN}
    heard = query.fetch(cursor, "pairs", **how, span_s=300)["oi_usd_ts"]
    return figures.stale(heard, now, CYCLE).to_frame()


def _pair_figures(cursor, now, known_by=None):
    how = {"now": now, "known_by": known_by or now, "since": now - SPAN}
    rows = query.fetch(cursor, "pairs", **how, span_s=300)
    quotes = query.fetch(cursor, "pair_quotes", **how)
    return pair_figures(rows[rows["base"] == "BTC"], quotes, now)


def _load(timeframe, **given):
    return lambda cursor, now, **how: panel.load(
        cursor, panel.METRICS, timeframe, now=now, **given, **how
    )


def _load_for_signals(timeframe):
    return lambda cursor, now, **how: panel.load_for_signals(
        cursor, METRICS, panel.TIMEFRAMES, now=now, bars=30, **how
    )[timeframe]


def _load_timeframes(timeframe):
    return lambda cursor, now, **how: fired.load_timeframes(cursor, EAGER, now=now, **how)[
        timeframe
    ]


def _from_frame(cursor, now, known_by=None):
    """Of all that was known then, bars among it that were not over."""
    how = {**panelled(now, 5), "metrics": ["close", "oi_usd"], "start": BEGIN}
    bars = query.fetch(cursor, "panel_bars_5m", **how, now=END, known_by=known_by or now)
    bars["ts"] = BEGIN + (bars.pop("bar") - int(BEGIN.timestamp()) // 300) * BAR
    return panel.Panel.from_frame(bars, "5m", now=now)


def _latest_signals(cursor, now, known_by=None):
    """Of a panel that goes on after *now*, as a replay loads it once."""
    start = now - bars_needed(EAGER) * BAR
    whole = panel.load(cursor, METRICS, "5m", now=END, known_by=known_by or now, start=start)
    return fired.latest_signals(whole, EAGER, now)


def _rules():
    """A rule for each name that a frame can have; those by bar of two timeframes."""
    texts = [
        f'[[rule]]\nname = "{per} {name}"\nper = "{per}"\nwhen = "{name} > 0"'
        for per, names in COLUMNS.items()
        for name, kind in names.items()
        if kind == "number" and not name.endswith(("_15m", "_30m", "_4h", "_1d"))
    ]
    return read_rules("\n".join(texts).encode(), COLUMNS)


def _frames(cursor, now, **how):
    """All frames below each other; nothing is kept from one time to the next."""
    found = Frames(CYCLE).load(cursor, _rules(), now, **how)
    return pd.concat(frame.assign(frame=" ".join(which)) for which, frame in found.items())


def _replay(cursor, now, **how):
    events = replay(cursor, _rules(), now, HOUR, **how)
    return pd.DataFrame(
        {"rule": one.key.rule, "subject": str(one.key.subject), "ts": one.ts, "is": one.change}
        for one in events
    )


def _held(cursor, now, **how):
    found = held(cursor, _rules(), now, HOUR, **how)
    return pd.DataFrame(
        {"rule": one.rule.name, "marks": repr(one.marks.tolist()), "truth": repr(one.truth)}
        for one in found
    )


def _simulated(cursor, now):
    """Trades of a day before *now*, and what the account was after each of its bars."""
    stretch = Record(
        cursor=cursor,
        start=now - 24 * HOUR,
        now=now,
        known_by=now,
        timeframe="5m",
        counted=bases(cursor, now, now),
    )
    plan = Plan(side="both", stop_pct=1)
    run = simulation.run(stretch, RsiReversal(low=45, high=55), plan).run
    account = run.equity_usd.rename("pnl_usd").reset_index()
    return pd.concat([run.trades, account, run.unfilled])


def _looked_back(cursor, now, **how):
    return firings.looked_back(cursor, _rules(), now, HOUR, **how)


def _recorded(cursor, now, **_):
    """Of the rule whose episodes are on record."""
    rule = SimpleNamespace(name="crowded", version="")
    return firings.recorded(cursor, [rule], now, SPAN)


def _scorecard(cursor, now, **how):
    return firings.scorecard(cursor, _rules(), now, SPAN, as_recorded=False, **how)


def _of_trade(function):
    """Of a trade opened before *now*, and a panel that goes on after it."""

    def ask(cursor, now, known_by=None):
        opened = {"opened_ts": NOWS["on a mark"] - 20 * HOUR}
        trade = Trade(**trades_of_all()[0] | opened)
        pair = panel.Only(instruments=[(trade.venue, trade.symbol)])
        whole = panel.load(
            cursor,
            worth.METRICS,
            "5m",
            now=END,
            known_by=known_by or now,
            start=BEGIN,
            only=pair,
        )
        return function(trade, whole, now)

    return ask


def _funding_paid(trade, whole, now):
    return worth.funding_paid(trade, whole, worth.Contract(1.0, linear=True), now)


FUNCTIONS = {
    "market.figures.stale": [_stale],
    "panels.bases.bases": [bases],
    "market.pair_figures.pair_figures": [_pair_figures],
    "panels.panel.Panel.from_frame": [_from_frame],
    "panels.panel.load": [
        *(_load(timeframe, bars=30) for timeframe in panel.TIMEFRAMES),
        *(_load(timeframe, start=BEGIN, unfinished=True) for timeframe in panel.TIMEFRAMES),
    ],
    "panels.panel.load_for_signals": [
        _load_for_signals(timeframe) for timeframe in panel.TIMEFRAMES
    ],
    "quality.checks.completeness": [_of_quality(checks.completeness, interval=CYCLE)],
    "quality.checks.coverage": [_of_quality(checks.coverage)],
    "quality.checks.gaps": [_of_quality(checks.gaps)],
    "quality.checks.oi_beside_volume": [_of_quality(checks.oi_beside_volume)],
    "quality.checks.refusals": [_of_quality(checks.refusals)],
    "quality.checks.unit_audit": [_of_quality(checks.unit_audit)],
    "rules.firings.looked_back": [_looked_back],
    "rules.firings.outcomes": [
        lambda cursor, now, **how: firings.outcomes(cursor, now, SPAN, **how)
    ],
    "rules.firings.recorded": [_recorded],
    "rules.firings.scorecard": [_scorecard],
    "rules.frames.Frames.load": [_frames],
    "rules.history.held": [_held],
    "rules.history.replay": [_replay],
    "rules.reading.Kept.newest": [
        lambda cursor, now, known_by=None: pd.DataFrame(
            [Kept().newest(cursor, now, known_by or now)]
        )
    ],
    "signals.fired.latest_signals": [_latest_signals],
    "signals.fired.load_timeframes": [
        _load_timeframes(timeframe) for timeframe in panel.TIMEFRAMES
    ],
    "trades.worth.excursion": [_of_trade(worth.excursion)],
    "trades.worth.funding_paid": [_of_trade(_funding_paid)],
}
"""How every public function that takes ``now`` is asked, on a cursor and perhaps ``known_by``."""

NOT_ASKED = {
    "files.parsing.parse",
    "files.reader_process.ReaderProcess.read",
    "files.row_checks.validated",
    "rules.event_rows.removed",
    "rules.engine.run",
    "rules.episode.step",
    "rules.levels.streams_down",
    "rules.reading.mark",
    "signals.flush.flushes",
    "lake.maintenance.free",
    "lake.retention.forget_snapshots",
    "lake.writer.Lake.maintain",
    "lake.writer.Lake.forget_snapshots",
}
"""These do not read the record: they step from given values, free files, or delete rows."""


def functions_of_now():
    """Every public function and method of analytics with a parameter ``now``, by name."""
    found = {}
    for module in pkgutil.walk_packages(analytics.__path__, "analytics."):
        members = vars(importlib.import_module(module.name)).items()
        own = {k: v for k, v in members if getattr(v, "__module__", None) == module.name}
        methods = {
            f"{k}.{name}": getattr(v, name)
            for k, v in own.items()
            if inspect.isclass(v)
            for name in vars(v)
        }
        for name, thing in {**own, **methods}.items():
            public = not any(part.startswith("_") for part in name.split("."))
            if public and inspect.isroutine(thing) and "now" in inspect.signature(thing).parameters:
                found[f"{module.name.removeprefix('analytics.')}.{name}"] = thing
    return found


def bars_of_all(rng):
    """Bars of three days: one in ten is missing, an outage of each venue, values NULL at random."""
    names = [f.name for f in schema.arrow_schema("bars") if f.type == pa.float64()]
    times = [BEGIN + n * BAR for n in range(int((END - BEGIN) / BAR))]
    rows = []
    for place, (venue, symbol, base) in enumerate(ALL):
        level = np.exp(rng.normal(0, 0.01, len(times)).cumsum())
        for n, ts in enumerate(times):
            out = 200 < n < 230 if venue == "okx" else 500 < n < 520
            out |= base in ("NEW", "SLOW") and n < 846
            out |= (venue, symbol, base) == AWAY and 800 < n < 846
            if out or rng.random() < 0.1:
                continue
            drawn = zip(names, rng.normal(10, 1, len(names)).round(6).tolist(), strict=True)
            values = {name: value for name, value in drawn if rng.random() > 0.1}
            values |= {"oi_usd": 1e6 * level[n] * (1 + place), "funding_interval_h": 8.0}
            values |= {"ls_accounts": 1 + rng.random(), "close": 100 * level[n]}
            values |= {"funding_rate": 0.0003 * rng.random()}
            if rng.random() < 0.05:
                values["oi_usd"] = None
            key = {"venue": venue, "symbol": symbol, "base": base, "ts": ts}
            row = {**key, **values, "snapshot_count": 10, "origin": "live"}
            rows.append(row | known_later(rng, ts + BAR))
    return rows


def known_later(rng, end):
    """When a bar that was over at *end* became known: at once, when it was written, or fetched."""
    drawn = rng.random()
    if drawn < 0.3:
        return {"known_ts": None, "filled": None}
    fetched = end + (END - end) * rng.random()
    known_ts = end + 30 * SECOND * rng.random() if drawn < 0.7 else fetched
    if rng.random() < 0.6:
        return {"known_ts": known_ts, "filled": None}
    names = rng.choice(["close", "oi_usd", "funding_rate", "ls_accounts", "taker_buy_usd"], 2)
    later = known_ts + (END - known_ts) * rng.random()
    return {"known_ts": known_ts, "filled": dict.fromkeys(names.tolist(), later)}


def snapshots_of_all(rng):
    """Snapshots of the last four hours, every 30 s, with values and whole rows missing."""
    rows = []
    for n in range(int((END - HEARD) / CYCLE)):
        received_ts = HEARD + n * CYCLE + 4 * SECOND
        for place, (venue, symbol, base) in enumerate(ALL):
            if rng.random() < 0.1 or (base in ("NEW", "SLOW") and n < 300):
                continue
            price = 100 * (1 + rng.random())
            values = {
                "price": price,
                "price_24h_ago": None if base == "DOGE" else 100.0,
                "mark": price,
                "volume_24h_usd": 1e9 * rng.random(),
                "oi_raw": 1e4 * (1 + place),
                "oi_usd": 1e4 * (1 + place) * price,
                "oi_venue_usd": 1e4 * (1 + place) * price * (0.7 + 0.4 * rng.random()),
                "funding_rate": 0.0001,
                "funding_interval_h": 8.0,
                "ls_accounts": 1 + rng.random(),
                "ls_ts": received_ts - timedelta(minutes=n % 10),
            }
            known = {name: value for name, value in values.items() if rng.random() > 0.1}
            key = {"venue": venue, "symbol": symbol, "base": base, "received_ts": received_ts}
            full_hour = received_ts.replace(minute=0, second=0, microsecond=0)
            next_funding = {"next_funding_ts": full_hour + (1 + place % 2) * HOUR}
            rows.append({**key, **known, **next_funding})
    return rows


def cycles_of_all(rng):
    rows = []
    for n in range(int((END - HEARD) / CYCLE)):
        for venue in ("binance", "okx"):
            if rng.random() < 0.1:
                continue
            counts = dict.fromkeys(("answered", "skipped", "requests"), 3)
            refused = {"mark:sign": int(rng.integers(1, 4)), "bid:crossed": 1}
            times = {"started_ts": HEARD + n * CYCLE, "finished_ts": HEARD + n * CYCLE + 5 * SECOND}
            said = {"latency_ms": 100 * rng.random(), "error": "late" if n % 7 == 0 else None}
            told = {"asked": 3 + n // 200, "refused": 4, "refused_reasons": json.dumps(refused)}
            rows.append({"venue": venue, **times, **counts, **said, **told})
    return rows


def alert_events_of_all():
    """An episode that begins every 20 minutes, fires 5 minutes later and is over after an hour."""
    changes = {"pending": 0, "firing": 5, "resolved": 60}
    names = ("version", "timeframe", "severity", "alert_group", "condition", "message")
    texts = dict.fromkeys((*names, "seen_values", "seen_ages_s"), "") | {"channels": '["desk"]'}
    return [
        {"rule": "crowded", "subject": "BTC", "per": "asset", "base": "BTC", **texts}
        | {"started_ts": start, "change": change, "ts": start + minutes * timedelta(minutes=1)}
        for start in (HEARD + n * 20 * timedelta(minutes=1) for n in range(12))
        for change, minutes in changes.items()
    ]


def alert_actions_of_all():
    return [
        {"id": str(n), "ts": HEARD + n * HOUR, "kind": "silence", "until_ts": END + n * HOUR}
        for n in range(4)
    ]


def alert_deliveries_of_all():
    """Every other episode's firing is sent at the second attempt; the rest fail."""
    return [
        {"channel": "desk", "rule": "crowded", "version": "", "subject": "BTC", "change": "firing"}
        | {"started_ts": start, "attempt": attempt, "outcome": outcome, "error": outcome}
        | {"ts": start + (5 + attempt) * timedelta(minutes=1)}
        for n, start in enumerate(HEARD + n * 20 * timedelta(minutes=1) for n in range(12))
        for attempt, outcome in ((1, "failed"), (2, ("failed", "sent")[n % 2]))
    ]


def trades_of_all():
    """A trade every 20 minutes, edited after five and closed after fifteen."""
    first = {"base": "BTC", "side": "long", "entry_price": 100.0, "size_base": 1.0, "leverage": 5.0}
    venue, symbol, _ = ALL[0]
    return [
        {**first, "id": str(n), "venue": venue, "symbol": symbol, "maintenance_margin_pct": 0.5}
        | {"change": change, "change_id": f"{n} {change}", "opened_ts": start, "ts": at, **more}
        for n, start in enumerate(HEARD + n * 20 * timedelta(minutes=1) for n in range(12))
        for change, at, more in (
            ("open", start, {}),
            ("edit", start + BAR, {"stop_price": 90.0}),
            ("close", start + 3 * BAR, {"exit_price": 101.0, "closed_ts": start + 3 * BAR}),
        )
    ]


def instruments_of_all():
    return [
        {
            "venue": venue,
            "symbol": symbol,
            "venue_id": base,
            "base": base,
            "multiplier": 1000.0 if base == "DOGE" and venue == "okx" else 1.0,
            "contract_size": 0.5,
            "linear": base != "ETH",
            "quote": "USDT",
            "oi_unit": "contracts" if venue == "okx" else "quoted units",
            "in_universe": True,
            "first_seen_ts": END - 90 * timedelta(minutes=1) if base == "NEW" else BEGIN,
            "last_seen_ts": END,
            "asset_class": "stock" if base in ("DOGE", "NEW") else "coin",
        }
        for venue, symbol, base in ALL
    ]


def gaps_of_all():
    """A hole in a stream every ten minutes, a minute long."""
    stated = {"channel": "trades", "symbol": "*", "reason": "silent", "outcome": "repaired"}
    return [
        {"venue": "okx", **stated, "started_ts": at, "ended_ts": at + timedelta(minutes=1)}
        | {"repaired_rows": n}
        for n in range(24)
        for at in [HEARD + n * timedelta(minutes=10)]
    ]


def known_at(record, now):
    """The rows of *record* that were known at *now*."""
    known = {
        "bars": lambda row: (row["known_ts"] or row["ts"] + BAR) <= now,
        "snapshots": lambda row: row["received_ts"] <= now,
        "cycles": lambda row: row["finished_ts"] <= now,
        "gaps": lambda row: row["ended_ts"] <= now,
        "alert_events": lambda row: row["ts"] <= now,
        "alert_actions": lambda row: row["ts"] <= now,
        "alert_deliveries": lambda row: row["ts"] <= now,
        "trades": lambda row: row["ts"] <= now,
        "instruments": lambda row: row["first_seen_ts"] <= now,
    }
    rows_then = {table: [*filter(known[table], rows)] for table, rows in record.items()}
    return rows_then | {"bars": [as_it_was(row, now) for row in rows_then["bars"]]}


def as_it_was(bar, now):
    """A *bar* without the values that were filled in after *now*."""
    later = {name for name, at in (bar["filled"] or {}).items() if at > now}
    kept = {name: at for name, at in (bar["filled"] or {}).items() if name not in later}
    return bar | dict.fromkeys(later) | {"filled": kept or None}


def lake_of(folder, record):
    """A published lake of *record*, to read."""
    with Lake(folder) as lake:
        for table, rows in record.items():
            lake.append((table, arrow(table, rows)))
        lake.publish()
    return Reader(folder)


def arrow(table, rows):
    """Return *rows* of a *table* as it is stored."""
    names = schema.arrow_schema(table).names
    columns = {name: [row.get(name) for row in rows] for name in names}
    if table == "bars":
        columns["filled"] = [_entries(filled) for filled in columns["filled"]]
    return pa.table(
        {
            field.name: pa.array(columns[field.name], _zoned(field.type))
            for field in schema.arrow_schema(table)
        }
    )


def _entries(filled):
    return filled and [(name, at.replace(tzinfo=None)) for name, at in filled.items()]


def _zoned(kind):
    return pa.timestamp("ms", "UTC") if pa.types.is_timestamp(kind) else kind


@pytest.fixture(scope="module")
def record():
    rng = np.random.default_rng(11)
    return {
        "bars": bars_of_all(rng),
        "snapshots": snapshots_of_all(rng),
        "cycles": cycles_of_all(rng),
        "gaps": gaps_of_all(),
        "alert_events": alert_events_of_all(),
        "alert_actions": alert_actions_of_all(),
        "alert_deliveries": alert_deliveries_of_all(),
        "trades": trades_of_all(),
        "instruments": instruments_of_all(),
    }


@pytest.fixture(scope="module")
def whole(record, tmp_path_factory):
    """The lake of the whole record."""
    reader = lake_of(tmp_path_factory.mktemp("whole"), record)
    yield reader
    reader.close()


@pytest.fixture(scope="module", params=NOWS)
def now_and_cut(request, record, tmp_path_factory):
    """A time, and the lake that ends then."""
    now = NOWS[request.param]
    reader = lake_of(tmp_path_factory.mktemp("cut"), known_at(record, now))
    yield now, reader
    reader.close()


def answers(reader, ask, now):
    with reader.cursor() as cursor:
        return ask(cursor, now)


def assert_same(one, other):
    """The same answer; sums may differ in the last bits, since rows lie in other files."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, rtol=1e-12, atol=0)
        assert len(one)
    elif isinstance(one, panel.Panel):
        assert one.instruments == other.instruments
        np.testing.assert_array_equal(one.times, other.times)
        assert set(one.values) == set(other.values)
        for name, cells in one.values.items():
            np.testing.assert_allclose(cells, other.values[name], rtol=1e-12, err_msg=name)
        assert one.times.size
    else:
        assert one == other
        assert one


def test_every_public_function_of_now_is_asked():
    """One that is new is in the table, or says why not."""
    assert set(functions_of_now()) == set(FUNCTIONS) | NOT_ASKED


def test_every_query_of_now_is_asked():
    """One that is new is in the table."""
    assert {name for name in query.NAMES if "now" in query.parameters(name)} == set(QUERIES)


def test_the_whole_record_goes_on_after_every_time(record):
    """In every table there is a future not to be seen, and a past."""
    for now in NOWS.values():
        for table, rows in known_at(record, now).items():
            assert 0 < len(rows) < len(record[table])


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_sees_nothing_of_the_future(whole, now_and_cut, name):
    """The whole record answers as the one did that ended then."""
    now, cut = now_and_cut

    def ask(cursor, now):
        rows = query.fetch(cursor, name, now=now, **QUERIES[name](now))
        ordered = not name.startswith("panel_")
        return rows if ordered else rows.sort_values(["venue", "symbol", "bar"], ignore_index=True)

    assert_same(answers(cut, ask, now), answers(whole, ask, now))


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, asked in FUNCTIONS.items() for n in range(len(asked))]
)
def test_a_function_sees_nothing_of_the_future(whole, now_and_cut, name, number):
    """The whole record answers as the one did that ended then."""
    now, cut = now_and_cut
    ask = FUNCTIONS[name][number]

    assert_same(answers(cut, ask, now), answers(whole, ask, now))


def test_a_simulated_trade_sees_nothing_of_the_future(whole, now_and_cut):
    """Nor do its funding and its account."""
    now, cut = now_and_cut
    mine = answers(cut, _simulated, now)
    assert (mine["exit_reason"] == "stop").any()
    assert_same(mine, answers(whole, _simulated, now))


READ_ALL_BARS = {
    *("bars_of_instruments", "became_known", "last_live_bar", "newest_row", "record_gaps"),
    *("record_span", "table_rows"),
}
"""These ask for what is stored, for no time; and ``fetched_later`` for what came after one."""


def test_every_query_of_a_time_reads_the_bars_as_they_were_known():
    """Not the table itself, whose rows and values may have become known later."""
    read = {
        name
        for name in query.NAMES
        for text in [query.sql(name).rpartition("$known_by::timestamp_ms\n)")[2]]
        if re.search(r"\b(from|join) bars\b", re.sub(r"--.*", "", text))
    }

    assert read == READ_ALL_BARS | {"fetched_later"}


@pytest.mark.parametrize("name", ["market_history", "panel_bars", "panel_bars_5m"])
def test_what_became_known_later_is_let_in_where_that_is_asked(whole, now_and_cut, name):
    """It is another answer, and one of at least as many rows."""
    now, cut = now_and_cut

    def ask(reader, **how):
        with reader.cursor() as cursor:
            return query.fetch(cursor, name, now=now, **QUERIES[name](now), **how)

    then, later = ask(cut), ask(whole, known_by=query.ANY_TIME)
    assert len(later) >= len(then)
    assert not later.equals(then)


def test_an_answer_that_sees_the_future_is_noticed(whole, now_and_cut):
    """What asks without a time is told apart."""
    now, cut = now_and_cut

    def ask(cursor, _):
        return query.fetch(cursor, "table_rows")

    with pytest.raises(AssertionError):
        assert_same(answers(cut, ask, now), answers(whole, ask, now))
