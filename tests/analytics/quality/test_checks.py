"""Quality of the record: each figure by hand, on a record whose holes are known."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from analytics.errors import QueryError
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, arrow_schema, definition
from analytics.quality import checks
from analytics.quality.history_reach import ANY_AGE, REACH
from analytics.query import fetch
from collector.cycles.validation import AUDIT_BAND
from collector.venues import VENUES

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HALF = timedelta(seconds=30)
BTC = ("binance", "BTC/USDT:USDT")
ETH = ("binance", "ETH/USDT:USDT")
OKX = ("okx", "BTC/USDT:USDT")
ASKED = {
    checks.coverage: {},
    checks.gaps: {},
    checks.refusals: {},
    checks.unit_audit: {},
    checks.oi_beside_volume: {},
    checks.completeness: {"interval": HALF},
}


def freshness(cursor, *, now, span):
    """What ``freshness.sql`` says of the *span* before *now*, and of bars in a week more."""
    since = now - span
    earliest = since - checks.LOOK_BACK
    return fetch(cursor, "freshness", now=now, since=since, earliest=earliest, venues=None)


FUNCTIONS = pytest.mark.parametrize("ask", ASKED, ids=lambda function: function.__name__)


@pytest.fixture
def record():
    """A record to put rows into, empty at first."""
    with duckdb.connect() as cursor:
        cursor.execute(MACROS)
        for table in TABLES:
            cursor.execute(definition(table).partition("alter table")[0])
        yield Record(cursor)


class Record:
    def __init__(self, cursor):
        self.cursor = cursor

    def store(self, table, **values):
        row = {
            name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
            for name, value in values.items()
        }
        marks = ", ".join("?" * len(row))
        names = ", ".join(row)
        self.cursor.execute(f"insert into {table} ({names}) values ({marks})", [*row.values()])

    def bars(self, *minutes_ago, of=BTC, at=NOON, **values):
        """Store the bars that began so many minutes before *at*."""
        for minutes in minutes_ago:
            key = {"venue": of[0], "symbol": of[1], "base": of[1].partition("/")[0]}
            counts = {"snapshot_count": 10, "origin": "live"}
            self.store("bars", **key, ts=at - minutes * MINUTE, **counts, **values)

    def snapshot(self, seconds_ago, of=BTC, **values):
        received_ts = NOON - timedelta(seconds=seconds_ago)
        key = {"venue": of[0], "symbol": of[1], "base": of[1].partition("/")[0]}
        self.store("snapshots", **key, received_ts=received_ts, **values)

    def cycle(self, seconds_ago, venue="binance", asked=2, refused=None):
        """Store a cycle that ended so many seconds before noon, five seconds after it began."""
        ended = NOON - timedelta(seconds=seconds_ago)
        self.store(
            "cycles",
            venue=venue,
            started_ts=ended - timedelta(seconds=5),
            finished_ts=ended,
            asked=asked,
            refused=sum((refused or {}).values()),
            refused_reasons=json.dumps(refused) if refused else None,
            **dict.fromkeys(("answered", "skipped", "requests"), 0),
        )

    def instrument(self, of=BTC, **values):
        same = {
            "venue_id": "X",
            "base": of[1].partition("/")[0],
            "multiplier": 1.0,
            "contract_size": 1.0,
            "linear": True,
            "quote": "USDT",
            "oi_unit": "quoted units",
            "in_universe": True,
            "first_seen_ts": NOON - timedelta(days=9),
            "last_seen_ts": NOON,
        }
        self.store("instruments", **same | {"venue": of[0], "symbol": of[1]} | values)

    def ask(self, function, **asked):
        return function(
            self.cursor, **{"now": NOON, "span": HOUR} | ASKED.get(function, {}) | asked
        )

    def row(self, function, **asked):
        (row,) = self.ask(function, **asked).to_dict("records")
        return row


def test_coverage_is_the_share_of_bars_with_a_value(record):
    """11 of 12 bars of an hour are there, and 6 of those know open interest."""
    record.bars(*range(5, 35, 5), close=1.0, oi_usd=1.0)
    record.bars(*range(35, 50, 5), *range(55, 65, 5), close=1.0)

    rows = record.ask(checks.coverage, metrics=["price", "oi_usd"]).set_index("metric")

    assert rows.loc["price", ["expected", "present"]].tolist() == [12, 11]
    assert rows.loc["oi_usd", ["expected", "present"]].tolist() == [12, 6]
    assert rows["coverage_pct"].to_dict() == pytest.approx({"price": 1100 / 12, "oi_usd": 50})


def test_coverage_adds_over_the_instruments_of_a_venue(record):
    """Each is expected in all bars of the hour; the other venue has a row of its own."""
    record.bars(*range(5, 65, 5), close=1.0)
    record.bars(*range(5, 35, 5), of=ETH, close=1.0)
    record.bars(90, of=ETH, close=1.0)
    record.bars(*range(5, 65, 5), of=OKX, close=1.0)

    rows = record.ask(checks.coverage, metrics="price")

    assert rows["venue"].tolist() == ["binance", "okx"]
    assert rows[["pairs", "expected", "present"]].to_numpy().tolist() == [[2, 24, 18], [1, 12, 12]]


def test_an_instrument_is_expected_from_its_first_bar(record):
    """A collector that started 20 minutes ago has missed nothing; one that paused has."""
    record.bars(5, 10, 15, 20, close=1.0)
    record.bars(5, 10, 15, 20, of=OKX, close=1.0)
    record.bars(3 * 24 * 60, of=OKX, close=1.0)

    rows = record.ask(checks.coverage, metrics=["price"]).set_index("venue")

    assert rows["expected"].to_dict() == {"binance": 4, "okx": 12}


def test_an_instrument_that_left_is_expected_until_its_last_bar(record):
    """Its venue went on for over an hour without it; a venue that stopped altogether did not."""
    record.bars(*range(5, 185, 5), close=1.0)
    record.bars(*range(100, 185, 5), of=ETH, close=1.0)
    record.bars(*range(100, 185, 5), of=OKX, close=1.0)

    rows = record.ask(checks.gaps, span=3 * HOUR, metrics=["price"])

    assert rows[["venue", "symbol"]].to_numpy().tolist() == [list(OKX)]
    assert rows[["start_ts", "end_ts"]].to_numpy().tolist() == [[NOON - 95 * MINUTE, NOON]]


def test_a_metric_that_a_venue_never_states_is_not_missed(record):
    """Bybit has no ratio of top traders: that is no gap."""
    record.bars(*range(5, 65, 5), of=("bybit", "BTC/USDT:USDT"), close=1.0)

    assert record.ask(checks.coverage)["metric"].tolist() == ["price"]
    assert record.ask(checks.gaps).empty


def test_gaps_are_stretches_of_bars_without_a_value(record):
    """One at the beginning, one inside, and one that goes on; a NULL is as good as no bar."""
    record.bars(65, 50, 45, 25, 20, 15, close=1.0)
    record.bars(40, 35, oi_usd=1.0)

    rows = record.ask(checks.gaps, metrics=["price"])

    assert rows["start_ts"].tolist() == [NOON - m * MINUTE for m in (60, 40, 10)]
    assert rows["end_ts"].tolist() == [NOON - m * MINUTE for m in (50, 25, 0)]
    assert rows["bars"].tolist() == [2, 3, 2]
    assert rows["running"].tolist() == [False, False, True]


def test_a_span_that_is_cut_counts_whole_bars(record):
    """At 12:03 the bar of 12:00 is not over; 10:58 before it begins with the bar of 11:00."""
    record.bars(5, 70, close=1.0)

    rows = record.ask(checks.gaps, now=NOON + 3 * MINUTE, span=65 * MINUTE, metrics=["price"])

    assert rows["start_ts"].tolist() == [NOON - HOUR]
    assert rows["bars"].tolist() == [11]


@pytest.mark.parametrize(
    ("venue", "metric", "days_ago", "repairable"),
    [
        pytest.param("binance", "price", 300, True, id="klines of any age"),
        pytest.param("binance", "oi_usd", 29, True, id="Binance's statistics"),
        pytest.param("binance", "ls_top_positions", 31, False, id="after 30 days"),
        pytest.param("okx", "ls_accounts", 4, True, id="OKX's newest 1440 marks"),
        pytest.param("okx", "oi_usd", 6, False, id="after 1440 marks"),
        pytest.param("bybit", "ls_accounts", 300, True, id="Bybit's any age"),
        pytest.param("bybit", "funding_rate", 300, True, id="funding"),
        pytest.param("binance", "book_imbalance", 1, False, id="books never"),
        pytest.param("okx", "taker_buy_usd", 1, False, id="takers never"),
        pytest.param("binance", "liq_long_usd", 1, False, id="liquidations never"),
        pytest.param("hyperliquid", "oi_usd", 1, False, id="no history at all"),
    ],
)
def test_a_gap_is_repairable_while_the_venue_remembers(record, venue, metric, days_ago, repairable):
    """Each venue's own history decides, and how old the gap is."""
    then = NOON - timedelta(days=days_ago)
    column = "close" if metric == "price" else metric
    record.bars(20, 5, of=(venue, "BTC/USDT:USDT"), at=then, **{column: 1.0})
    record.bars(60, of=(venue, "ETH/USDT:USDT"), **{column: 1.0})

    rows = record.ask(checks.gaps, span=timedelta(days=days_ago + 1), metrics=[metric])

    inner = rows[rows["end_ts"] == then - 5 * MINUTE].to_dict("records")
    assert [row["bars"] for row in inner] == [2]
    assert [row["repairable"] for row in inner] == [repairable]
    assert [row["repairable_bars"] for row in inner] == [2 * repairable]


def test_of_an_old_gap_only_the_younger_part_is_repairable(record):
    """OKX gives the newest 1440 marks: of a gap of six days, five."""
    record.bars(6 * 1440 + 5, 5, of=OKX, oi_usd=1.0)

    row = record.row(checks.gaps, span=timedelta(days=7), metrics=["oi_usd"])

    assert (row["bars"], row["repairable_bars"]) == (6 * 288 - 1, 5 * 288 - 1)


def test_what_is_repairable_is_what_backfill_asks_for():
    """The reach is that of the venues' histories, metric by metric."""
    for name, venue in VENUES.items():
        asked = {
            "price" if column == "close" else column: history.reach or ANY_AGE
            for history in venue.history
            for column in history.question.columns
            if column not in ("open", "high", "low")
        }
        assert asked == dict(REACH[name])


def test_freshness_is_the_age_of_the_newest_value(record):
    """Per metric: a snapshot that does not know it does not make it younger."""
    record.snapshot(90, price=1.0, oi_usd=2.0)
    record.snapshot(30, of=ETH, price=1.0)
    record.snapshot(-30, price=1.0)

    rows = record.ask(freshness).set_index("metric")

    assert rows["age_s"].to_dict() == {"oi_usd": 90, "price": 30}
    assert rows.loc["oi_usd", "newest_ts"] == NOON - timedelta(seconds=90)


def test_a_repeated_ratio_is_as_old_as_its_mark(record):
    """Snapshots repeat it for up to fifteen minutes, and bars repeat the snapshots."""
    record.snapshot(30, ls_accounts=2.0, ls_ts=NOON - 10 * MINUTE)
    record.bars(5, ls_accounts=2.0)

    row = record.row(freshness)

    assert (row["age_s"], row["from_bar"]) == (600, False)


def test_a_venue_that_is_silent_shows_its_age(record):
    """Its bars are looked for a week further back than the span."""
    record.bars(2 * 24 * 60 + 5, close=1.0, volume_usd=1.0)
    record.snapshot(48 * 3600 + 30, price=1.0)

    rows = record.ask(freshness)

    assert rows["metric"].tolist() == ["price", "volume_usd"]
    assert rows["age_s"].tolist() == [48 * 3600] * 2
    assert rows["from_bar"].all()


def test_a_younger_bar_counts_more_than_an_older_snapshot(record):
    """A repair made it known."""
    record.snapshot(1200, price=1.0)
    record.bars(10, close=1.0)

    row = record.row(freshness)

    assert (row["age_s"], row["from_bar"]) == (300, True)


def test_refusals_are_counted_by_column_and_reason(record):
    """Over the cycles of the span; a cycle without any does not count."""
    record.cycle(3700, refused={"mark:sign": 100})
    record.cycle(90, refused={"mark:sign": 2, "row:duplicate": 1})
    record.cycle(60)
    record.cycle(30, refused={"mark:sign": 1})
    record.cycle(-30, refused={"mark:sign": 100})
    record.cycle(30, venue="okx", refused={"oi_usd:unit": 5})

    rows = record.ask(checks.refusals)

    assert rows.iloc[:, :5].to_numpy().tolist() == [
        ["okx", "oi_usd", "unit", 5, 1],
        ["binance", "mark", "sign", 3, 2],
        ["binance", "row", "duplicate", 1, 1],
    ]
    assert rows["first_ts"].tolist()[1] == NOON - timedelta(seconds=90)
    assert rows["last_ts"].tolist()[1] == NOON - timedelta(seconds=30)
    assert record.ask(checks.refusals, venues="okx")["refused"].tolist() == [5]


@pytest.mark.parametrize(
    ("contract", "said", "recomputed"),
    [
        pytest.param({}, {"oi_raw": 5.0, "mark": 100.0}, (5, 500), id="quoted units"),
        pytest.param(
            {"multiplier": 1000.0},
            {"oi_raw": 5.0, "mark": 100.0},
            (5000, 500),
            id="1000 coins in a quoted unit",
        ),
        pytest.param(
            {"oi_unit": "contracts", "contract_size": 0.01},
            {"oi_raw": 500.0, "mark": 100.0},
            (5, 500),
            id="contracts",
        ),
        pytest.param(
            {"oi_unit": "usd", "contract_size": 10.0},
            {"oi_raw": 500.0, "mark": 100.0},
            (5, 500),
            id="usd",
        ),
    ],
)
def test_the_audit_recomputes_from_the_raw_figure(record, contract, said, recomputed):
    """Whatever the venue counts in, base coins and USD follow."""
    record.instrument(**contract)
    base, usd = recomputed
    record.snapshot(30, **said, oi_base=float(base), oi_usd=float(usd))

    row = record.row(checks.unit_audit)

    assert (row["oi_base_recomputed"], row["oi_usd_recomputed"]) == recomputed
    assert bool(row["as_stored"])
    assert pd.isna(row["ok"])


@pytest.mark.parametrize(
    ("venue_usd", "ok"),
    [(500.0, True), (420.0, True), (410.0, False), (5000.0, False), (0.0, None), (None, None)],
)
def test_the_audit_compares_with_the_venues_own_figure(record, venue_usd, ok):
    """500 against it may be off by 20 % of it; 0 and nothing compare with nothing."""
    record.instrument()
    record.snapshot(30, oi_raw=5.0, mark=100.0, oi_usd=500.0, oi_venue_usd=venue_usd)

    rows = record.ask(checks.unit_audit)

    assert rows["ok"].dtype == "boolean"
    assert rows["ok"].isna().tolist() == [ok is None]
    assert rows["ok"].dropna().tolist() == ([] if ok is None else [ok])
    if ok is not None:
        assert rows["venue_ratio"].tolist() == pytest.approx([500 / venue_usd])


def test_the_audit_finds_a_stored_figure_that_does_not_follow(record):
    """A wrong contract size makes the stored figure another than the raw one says."""
    record.instrument(OKX, oi_unit="contracts", contract_size=0.01)
    record.snapshot(30, of=OKX, oi_raw=500.0, mark=100.0, oi_usd=50_000.0)

    assert record.ask(checks.unit_audit)["as_stored"].tolist() == [False]


def test_the_audit_is_of_the_newest_snapshot_with_open_interest(record):
    """All figures of a row are of one moment; a refused figure stays visible as raw."""
    record.instrument()
    record.snapshot(90, oi_raw=1.0, mark=1.0, oi_usd=1.0)
    record.snapshot(60, oi_raw=2.0, mark=1.0, oi_usd=None, oi_venue_usd=9.0)
    record.snapshot(30, mark=7.0)
    record.snapshot(-30, oi_raw=3.0, mark=1.0)

    row = record.row(checks.unit_audit)

    assert (row["oi_raw"], row["mark"], row["ok"]) == (2, 1, False)
    assert pd.isna(row["as_stored"])


def test_the_band_of_the_audit_is_that_of_validation():
    assert checks.AUDIT_BAND == AUDIT_BAND


def held_and_traded(record, venue, **figures):
    """Store what is held [USD] and traded in a day [USD] of each base on a venue."""
    for base, (oi_usd, volume_usd) in figures.items():
        of = (venue, f"{base}/USDT:USDT")
        record.snapshot(30, of=of, oi_usd=oi_usd, volume_24h_usd=volume_usd)


def test_a_venue_that_counts_both_sides_stands_at_two(record):
    """Each venue trades as much of each base in half a day as is held, and Bybit says twice that.

    Beside it the others stand at 1 / 1.5, 1.5 being the median of what Bybit and the third have.
    """
    figures = {"BTC": (50.0, 100.0), "ETH": (5.0, 10.0), "SOL": (1.0, 2.0), "OWN": (9.0, 1.0)}
    held_and_traded(record, "binance", **figures)
    held_and_traded(record, "okx", **{base: figures[base] for base in ("BTC", "ETH", "SOL")})
    doubled = {base: (2 * oi, volume) for base, (oi, volume) in figures.items() if base != "OWN"}
    held_and_traded(record, "bybit", **doubled)

    rows = record.ask(checks.oi_beside_volume)

    assert rows["venue"].tolist() == ["binance", "bybit", "okx"]
    assert rows["bases"].tolist() == [3, 3, 3]
    assert rows["oi_days"].tolist() == [0.5, 1.0, 0.5]
    assert rows["oi_days_beside"].tolist() == pytest.approx([0.5 / 0.75, 2, 0.5 / 0.75])
    assert rows["ok"].tolist() == [True, False, True]


def test_what_is_compared_are_sums_of_a_venue_and_the_newest_ones(record):
    """Two instruments of a base are one; another venue's are compared with, also unasked for."""
    held_and_traded(record, "binance", BTC=(30.0, 100.0))
    record.snapshot(30, of=("binance", "BTC/USDC:USDC"), oi_usd=30.0, volume_24h_usd=20.0)
    record.snapshot(60, oi_usd=9000.0, volume_24h_usd=1.0)
    held_and_traded(record, "okx", BTC=(10.0, 10.0))

    row = record.row(checks.oi_beside_volume, venues=["binance"])

    assert (row["venue"], row["bases"]) == ("binance", 1)
    assert (row["oi_days"], row["oi_days_beside"]) == (0.5, 0.5)
    # One base says nothing of a venue.
    assert pd.isna(row["ok"])


def test_what_is_traded_nowhere_else_is_compared_with_nothing(record):
    """Nor is what has no volume, or nothing held."""
    held_and_traded(record, "binance", BTC=(1.0, 1.0), ETH=(0.0, 1.0), SOL=(1.0, 0.0))
    held_and_traded(record, "okx", ETH=(1.0, 1.0), SOL=(1.0, 1.0))

    assert record.ask(checks.oi_beside_volume).empty


def test_completeness_is_stored_over_the_universe_times_the_cycles(record):
    """An hour of cycles every 30 s would be 120 rounds of two; 60 came, the last of one."""
    for seconds in range(1800, 0, -30):
        record.cycle(seconds)
        record.snapshot(seconds, price=1.0)
        if seconds > 900:
            record.snapshot(seconds, of=ETH, price=1.0, oi_usd=1.0)
    record.cycle(2 * 3600)

    rows = record.ask(checks.completeness).set_index("metric")

    assert rows.index.tolist() == ["oi_usd", "price", "snapshots"]
    assert rows["expected"].tolist() == [240] * 3
    assert rows["cycles_stored"].tolist() == [60] * 3
    assert rows["stored"].tolist() == [30, 90, 90]
    assert rows["completeness_pct"].tolist() == pytest.approx([12.5, 37.5, 37.5])


def test_a_venue_counts_from_its_first_cycle(record):
    """A collector that started 15 minutes ago should have run 30 cycles, and did."""
    for seconds in range(895, 0, -30):
        record.cycle(seconds, asked=1)
        record.snapshot(seconds, price=1.0)

    row = record.row(checks.completeness, metrics=["price"])

    assert row["expected"] == pytest.approx(30)
    assert row["completeness_pct"] == pytest.approx(100)


def test_cycles_that_had_nothing_to_ask_of_do_not_shrink_the_universe(record):
    """A venue that was out of reach for half of the hour lacks half, however it is counted."""
    for seconds in range(3595, 0, -30):
        reached = seconds < 1800
        record.cycle(seconds, asked=2 if reached else 0)
        if reached:
            record.snapshot(seconds, price=1.0)
            record.snapshot(seconds, of=ETH, price=1.0)

    row = record.row(checks.completeness, metrics=["price"])

    assert row["universe"] == 2
    assert row["completeness_pct"] == pytest.approx(50, abs=1)


def test_a_venue_that_fell_silent_is_expected_to_go_on(record):
    """Its last universe counts; what its bars still knew is missed, what it never stated is not."""
    record.cycle(2 * 3600, asked=3)
    record.cycle(2 * 3600 - 30, asked=0)
    record.bars(125, close=1.0)

    rows = record.ask(checks.completeness)

    assert rows["metric"].tolist() == ["price", "snapshots"]
    assert rows["expected"].tolist() == [360, 360]
    assert rows["completeness_pct"].tolist() == [0, 0]


def test_more_than_everything_is_everything(record):
    """A cycle more than the interval has room for does not make it 103 %."""
    for seconds in (61, 31, 1):
        record.cycle(seconds, asked=1)
        record.snapshot(seconds, price=1.0)
    record.cycle(3700, asked=1)

    row = record.row(checks.completeness, span=MINUTE, metrics=["snapshots"])

    assert row["completeness_pct"] == 100


@FUNCTIONS
def test_before_the_first_row_there_are_columns_and_no_rows(record, ask):
    """The frame of a record that begins later is that of any record, but for its rows."""
    record.instrument()
    record.bars(*range(10, 60, 5), close=1.0)
    for of in (BTC, OKX):
        known = {"oi_raw": 1.0, "mark": 1.0, "price": 1.0, "oi_usd": 1.0, "volume_24h_usd": 1.0}
        record.snapshot(30, of=of, **known)
    record.cycle(20, refused={"mark:sign": 1})

    empty = record.ask(ask, now=NOON - timedelta(days=2))
    some = record.ask(ask)

    assert empty.empty
    assert not some.empty
    assert empty.columns.tolist() == some.columns.tolist()
    assert empty.dtypes.tolist() == some.dtypes.tolist()


@pytest.mark.parametrize(
    ("ask", "argument", "wrong", "message"),
    [
        (ask, argument, wrong, message)
        for ask in ASKED
        for argument, wrong, message in [
            ("venues", ["kraken"], "'kraken' is not one of binance, bybit, okx"),
            ("metrics", ["oi"], "'oi' is not one of .*oi_usd"),
            ("now", NOON.replace(tzinfo=None), ".* has no time zone"),
            ("span", timedelta(0), "must be positive"),
            ("span", timedelta.max, ".* begins before the year 1"),
            ("interval", timedelta(0), "must be positive"),
        ]
        if argument in inspect.signature(ask).parameters
    ],
)
def test_a_wrong_argument_is_named(record, ask, argument, wrong, message):
    """With what would do instead, also where there is nothing in the record."""
    with pytest.raises(QueryError, match=f"{argument}: {message}"):
        record.ask(ask, **{argument: wrong})


@FUNCTIONS
def test_only_the_venues_asked_for(record, ask):
    """All of them is all there are."""
    for of in (BTC, OKX):
        record.instrument(of)
        record.bars(10, 20, of=of, close=1.0)
        known = {"oi_raw": 1.0, "mark": 1.0, "price": 1.0, "oi_usd": 1.0, "volume_24h_usd": 1.0}
        record.snapshot(30, of=of, **known)
        record.cycle(20, venue=of[0], refused={"mark:sign": 1})

    assert set(record.ask(ask)["venue"]) == {"binance", "okx"}
    assert set(record.ask(ask, venues=["okx"])["venue"]) == {"okx"}
    assert record.ask(ask, venues=[]).empty


def test_every_quantity_of_a_bar_can_be_asked_for():
    """A column that joins the bars joins these, too."""
    shapes = {"open", "high", "low", "close", "oi_usd_open", "oi_usd_high", "oi_usd_low"}
    of_bars = {field.name for field in arrow_schema("bars") if str(field.type) == "double"}

    assert set(checks.METRICS) == of_bars - shapes | {"price"}


@pytest.mark.parametrize("metric", checks.METRICS)
def test_every_metric_is_seen_by_every_question(record, metric):
    """Whichever column it is, its gaps, its age and its count are its own."""
    column = "close" if metric == "price" else metric
    record.bars(5, 15, **{column: 1.0})
    record.cycle(30, asked=1)
    if metric != "volume_usd":
        record.snapshot(35, **{metric: 1.0})

    assert record.ask(checks.gaps)["metric"].tolist() == [metric]
    assert record.ask(freshness)["metric"].tolist() == [metric]
    stored = [] if metric == "volume_usd" else [metric]
    assert sorted(record.ask(checks.completeness)["metric"]) == sorted([*stored, "snapshots"])
