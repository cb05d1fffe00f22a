"""Binance's public archive: metrics and funding, and how its files complete each other."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.errors import ImportRefused
from collector.imports.files import import_file

METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
FUNDING = "calc_time,funding_interval_hours,last_funding_rate\n"
MIDNIGHT = datetime(2025, 10, 1, tzinfo=UTC)


def metric(at, symbol="BTCUSDT", oi="80000.5", usd="9120000000.25", ratios="1.5,1.2,2.1,0.9"):
    """A line of a metrics file."""
    return f"{at:%Y-%m-%d %H:%M:%S},{symbol},{oi},{usd},{ratios}\n"


def after(minutes):
    """Return the moment *minutes* after midnight."""
    return MIDNIGHT + timedelta(minutes=minutes)


def ms(moment):
    """Return *moment* as the archive writes times."""
    return int(moment.timestamp() * 1000)


def start_of(row):
    """Return the start of a stored bar."""
    return row["ts"].replace(tzinfo=UTC)


def test_metrics_close_the_bar_that_ends_when_they_are_stamped(take, rows):
    """The state at 00:05 is the close of the bar from 00:00 to 00:05."""
    summary = take("BTCUSDT-metrics-2025-10-01.zip", METRICS + metric(after(5)))

    (bar,) = rows("select * from bars")
    assert start_of(bar) == MIDNIGHT
    assert (bar["venue"], bar["symbol"], bar["base"]) == ("binance", "BTC/USDT:USDT", "BTC")
    assert (bar["oi_base"], bar["oi_usd"]) == (80000.5, 9120000000.25)
    assert (bar["ls_top_accounts"], bar["ls_top_positions"]) == (1.5, 1.2)
    assert bar["ls_accounts"] == 2.1
    assert (bar["close"], bar["oi_usd_open"], bar["taker_buy_usd"]) == (None, None, None)
    assert (bar["snapshot_count"], bar["origin"]) == (0, "import")
    assert (summary.stored["bars"], summary.venue) == (1, "binance")


def test_metrics_since_midsummer_2026_are_stamped_by_the_start(take, rows):
    """From the file of 2026-06-25 on, the row stamped 00:00 is of the bar from 00:00."""
    june = datetime(2026, 6, 25, tzinfo=UTC)

    take("BTCUSDT-metrics-2026-06-24.zip", METRICS + metric(june, oi="1"))
    take("BTCUSDT-metrics-2026-06-25.zip", METRICS + metric(june, oi="2"))

    found = {start_of(row): row["oi_base"] for row in rows("select ts, oi_base from bars")}
    assert found == {june - timedelta(minutes=5): 1, june: 2}


@pytest.mark.parametrize("name", ["BTCUSDT-metrics-2026-06.csv", "all.csv", "mine-2026-06-25.csv"])
def test_the_change_of_stamps_is_told_row_by_row(take, rows, name):
    """A file of both sides of it holds 00:00 twice, of the five minutes before and after."""
    june = datetime(2026, 6, 25, tzinfo=UTC)
    stamps = [june - timedelta(minutes=5), june, june, june + timedelta(minutes=5)]

    summary = take(
        name, METRICS + "".join(metric(at, oi=str(nth)) for nth, at in enumerate(stamps, 1))
    )

    found = {start_of(row): row["oi_base"] for row in rows("select ts, oi_base from bars")}
    assert found == {june + timedelta(minutes=5 * nth): nth + 3 for nth in range(-2, 2)}
    assert summary.refused == {}


@pytest.mark.parametrize(
    ("around", "bar"),
    [((-10, -5), -5), ((5, 10), 0), ((-5, 5), None), ((), None)],
    ids=["of the days before", "of the days after", "of both, and one 00:00", "alone"],
)
def test_the_stamp_at_the_change_is_of_what_the_rows_around_it_are_of(take, rows, around, bar):
    """Whatever the file is called; what nothing tells is left out and counted."""
    june = datetime(2026, 6, 25, tzinfo=UTC)
    others = "".join(metric(june + timedelta(minutes=minutes), oi="1") for minutes in around)

    summary = take("mine.csv", METRICS + others + metric(june, oi="9"))

    found = [start_of(row) for row in rows("select ts from bars where oi_base = 9")]
    assert found == ([] if bar is None else [june + timedelta(minutes=bar)])
    said = {"stamped 2026-06-25 00:00, which could be either of two bars": 1}
    assert summary.refused == (said if bar is None else {})


@pytest.mark.parametrize("off_s", [-140, -31, 31, 150])
def test_a_row_off_every_mark_is_refused_and_pushes_nothing_out(take, rows, off_s):
    """It is of no five minutes; the right one of its mark stays, though it comes later."""
    wrong = metric(after(5) + timedelta(seconds=off_s), oi="7")

    summary = take("BTCUSDT-metrics-2025-10-01.csv", METRICS + wrong + metric(after(5), oi="1"))

    assert [(start_of(row), row["oi_base"]) for row in rows("select ts, oi_base from bars")] == [
        (MIDNIGHT, 1)
    ]
    assert summary.refused == {"time is over 30 s off a five-minute mark": 1}


def test_a_day_is_no_instant(refusal):
    """A row for a whole day would become its midnight."""
    said = refusal(
        "ADAUSDT-metrics-2023-01-21.csv",
        METRICS + "2023-01-21,ADAUSDT,250000000,90000000,1.1,1.2,1.3,0.9\n",
    )

    assert "line 2: create_time should be a time, not '2023-01-21'" in said


def test_open_interest_of_a_coin_of_quadrillions_is_stored(take, rows):
    """4e9 quoted units of a million coins each are 4e15 coins."""
    text = METRICS + metric(after(5), symbol="1MBABYDOGEUSDT", oi="4000000000", usd="4400000")

    summary = take("1MBABYDOGEUSDT-metrics-2025-10-01.csv", text)

    assert rows("select oi_base, oi_usd from bars") == [{"oi_base": 4e15, "oi_usd": 4_400_000}]
    assert summary.values_refused == {}


def test_an_outage_of_the_venue_is_no_market_without_positions(take, rows):
    """0 coins with ratios of 0 to 0, between rows of 100,000: the venue lost its figures."""
    lost = metric(after(10), oi="0.0", usd="0.0", ratios="0,0,0,0")
    text = METRICS + metric(after(5)) + lost + metric(after(15))

    summary = take("BTCUSDT-metrics-2025-10-01.csv", text)

    found = rows("select ts from bars where oi_base is not null or oi_usd is not null order by ts")
    assert [start_of(row) for row in found] == [MIDNIGHT, after(10)]
    assert rows("select ts from bars where oi_base = 0 or oi_usd = 0") == []
    assert summary.values_refused["oi_base: 0 in place of missing ratios"] == 1


def test_seconds_after_a_mark_still_mean_the_mark(take, rows):
    """The archive's clock is late now and then; 00:05:04 is the state of 00:05."""
    take("BTCUSDT-metrics-2025-10-01.csv", METRICS + metric(after(5) + timedelta(seconds=4)))

    assert [start_of(row) for row in rows("select ts from bars")] == [MIDNIGHT]


def test_open_interest_of_a_thousandfold_contract_is_in_coins(take, rows):
    """Metrics count 1000PEPE; oi_base counts PEPE."""
    text = METRICS + metric(after(5), symbol="1000PEPEUSDT", oi="3.5")
    take("1000PEPEUSDT-metrics-2025-10-01.csv", text)

    assert rows("select base, oi_base from bars") == [{"base": "PEPE", "oi_base": 3500}]


def test_absent_and_impossible_values_are_null(take, rows):
    """Empty is absent; a ratio of 0 cannot be and is counted."""
    summary = take(
        "BTCUSDT-metrics-2025-10-01.csv", METRICS + metric(after(5), usd="", ratios=",0,nan,")
    )

    (bar,) = rows("select oi_base, oi_usd, ls_accounts, ls_top_positions from bars")
    assert list(bar.values()) == [80000.5, None, None, None]
    assert summary.values_refused == {
        "ls_accounts: not a finite number": 1,
        "ls_top_positions: zero or negative": 1,
    }


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("BTCUSDT_251226", "dated future, not a perpetual"),
        ("BTCUSD_PERP", "coin-margined"),
        ("ETHBTC", "not quoted in a USD stablecoin"),
        ("", "no symbol"),
    ],
)
def test_contracts_that_are_no_usd_perpetuals_are_left_out_and_counted(take, symbol, reason):
    text = METRICS + metric(after(5)) + metric(after(10), symbol=symbol)

    summary = take("mixed.csv", text)

    assert summary.refused == {reason: 1}
    assert summary.stored["bars"] == 1


def test_rows_given_twice_are_stored_once(take):
    """The archive is known to repeat rows."""
    text = METRICS + metric(after(5)) * 2 + metric(after(5), oi="7")

    summary = take("BTCUSDT-metrics-2025-10-01.csv", text)

    assert (summary.rows_read, summary.stored["bars"]) == (3, 1)
    assert summary.refused == {
        "exact duplicate": 1,
        "second row for the same bar of a pair": 1,
    }


def test_a_funding_payment_fills_the_period_that_it_settled(take, rows):
    """Two payments, some milliseconds late as they are, are 2 x 8 h as the file states."""
    paid = [ms(after(480)) + late for late in (0, 7)]
    text = f"{FUNDING}{paid[0]},8,-0.00012\n{paid[1] + 8 * 3_600_000},8,0.0001\n"

    summary = take("BTCUSDT-fundingRate-2025-10.csv", text)

    assert (summary.rows_read, summary.stored["bars"]) == (2, 192)
    found = rows("select ts, funding_rate, funding_interval_h from bars order by ts")
    assert [start_of(row) for row in found] == [after(5 * n) for n in range(192)]
    assert [row["funding_rate"] for row in found] == [-0.00012] * 96 + [0.0001] * 96
    assert {row["funding_interval_h"] for row in found} == {8}


def test_a_funding_payment_that_is_missing_makes_no_longer_period(take, rows):
    """The file states 4 h beside each payment: what lies before those is not known."""
    text = FUNDING + "".join(
        f"{ms(after(60 * hour))},4,{rate}\n" for hour, rate in ((4, 0.0001), (12, 0.0003))
    )

    take("BTCUSDT-fundingRate-2025-10.csv", text)

    found = rows("select ts, funding_rate, funding_interval_h as h from bars order by ts")
    assert {start_of(row): (row["funding_rate"], row["h"]) for row in found} == {
        after(60 * hour + 5 * n): (rate, 4)
        for hour, rate in ((0, 0.0001), (8, 0.0003))
        for n in range(48)
    }


def test_a_funding_payment_off_every_mark_is_refused(take, rows):
    """Of which period it is cannot be told."""
    summary = take("BTCUSDT-fundingRate-2025-10.csv", f"{FUNDING}{ms(after(480)) + 99_000},8,0.1\n")

    assert summary.refused == {"time is over 30 s off a five-minute mark": 1}
    assert rows("select count(*) as n from bars") == [{"n": 0}]


def test_files_of_one_day_complete_each_other_in_any_order(take, rows):
    """Prices, open interest and funding of a bar come from three files."""
    kline = f"{ms(after(475))},100,110,90,105,5,{ms(after(480)) - 1},500,9,2,200,0\n"

    take("BTCUSDT-metrics-2025-10-01.csv", METRICS + metric(after(480)))
    second = take("BTCUSDT-5m-2025-10-01.csv", KLINES + kline)
    third = take("BTCUSDT-fundingRate-2025-10.csv", f"{FUNDING}{ms(after(480))},8,0.0001\n")

    (bar,) = rows("select * from bars where close is not null")
    assert (bar["close"], bar["oi_base"], bar["funding_rate"]) == (105, 80000.5, 0.0001)
    assert (bar["taker_buy_usd"], bar["taker_sell_usd"]) == (200, 300)
    for summary, bars in ((second, 0), (third, 95)):
        assert (summary.stored["bars"], summary.bars_filled) == (bars, 1)
        assert summary.already_there == 0


def test_importing_twice_changes_nothing(take, rows):
    """The second time every bar is known."""
    text = METRICS + "".join(metric(after(5 * n)) for n in range(1, 289))
    take("BTCUSDT-metrics-2025-10-01.zip", text)
    before = rows("select * from bars order by ts")

    summary = take("BTCUSDT-metrics-2025-10-01.zip", text)

    assert (summary.stored["bars"], summary.bars_filled, summary.already_there) == (0, 0, 288)
    assert rows("select * from bars order by ts") == before


@pytest.mark.parametrize("origin", ["live", "backfill"])
def test_what_no_import_wrote_is_never_overwritten(take, lake, rows, origin):
    """What was collected, or told by the venue's history, wins over the archive; it is said."""
    stored = {"venue": "binance", "symbol": "BTC/USDT:USDT", "base": "BTC", "oi_base": 1.0}
    stored |= {"ts": MIDNIGHT.replace(tzinfo=None), "snapshot_count": 3, "origin": origin}
    lake.fill_bars(pa.Table.from_pylist([stored]))

    summary = take("again.csv", METRICS + metric(after(5), oi="2", ratios=",,,"))

    assert (summary.differing, summary.replaced, summary.already_there) == (1, 0, 0)
    assert rows("select oi_base, oi_usd from bars") == [{"oi_base": 1, "oi_usd": 9120000000.25}]


def test_a_corrected_file_corrects_what_the_first_one_wrote(take, rows):
    """The venue replaces faulty files; the later one wins, value by value, and it is counted."""
    faulty = metric(after(10), oi="7", ratios="1.5,1.2,2.1,0.9")
    right = metric(after(10), oi="80001", ratios="1.5,1.2,,0.9")
    take("BTCUSDT-metrics-2025-10-01.csv", METRICS + metric(after(5)) + faulty)

    text = METRICS + metric(after(5)) + right + metric(after(15))
    summary = take("corrected/BTCUSDT-metrics-2025-10-01.csv", text)

    found = rows("select oi_base, ls_accounts from bars order by ts")
    assert [row["oi_base"] for row in found] == [80000.5, 80001, 80000.5]
    assert found[1]["ls_accounts"] == 2.1, "what the corrected file does not know stays"
    said = (summary.replaced, summary.already_there, summary.stored["bars"], summary.differing)
    assert said == (1, 1, 1, 0)


def test_a_file_of_another_source_corrects_nothing(take, rows):
    """A table of somebody's own does not know better than the archive."""
    take("BTCUSDT-metrics-2025-10-01.csv", METRICS + metric(after(5), oi="1"))

    summary = take(
        "bars.csv", "venue,symbol,ts,oi_base\nbinance,BTC/USDT:USDT,2025-10-01 00:00,2\n"
    )

    assert (summary.differing, summary.replaced) == (1, 0)
    assert rows("select oi_base from bars") == [{"oi_base": 1}]


def test_a_file_that_matches_its_checksum_is_taken(write, lake, now):
    path = write("BTCUSDT-metrics-2025-10-01.zip", METRICS + metric(after(5)))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")

    assert import_file(lake, path, lambda _done, _total: None, now=now).stored["bars"] == 1


def test_a_file_that_does_not_match_its_checksum_is_refused(write, lake, rows, now):
    path = write("BTCUSDT-metrics-2025-10-01.zip", METRICS + metric(after(5)))
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{'0' * 64}  {path.name}\n")

    with pytest.raises(
        ImportRefused, match=r"metrics-2025-10-01\.zip: .*\.CHECKSUM file beside it"
    ):
        import_file(lake, path, lambda _done, _total: None, now=now)

    assert rows("select * from bars") == []


@pytest.mark.parametrize("stated", ["", "\n", " \n"])
def test_an_empty_checksum_vouches_for_nothing(write, lake, rows, now, stated):
    path = write("BTCUSDT-metrics-2025-10-01.zip", METRICS + metric(after(5)))
    path.with_name(f"{path.name}.CHECKSUM").write_text(stated)

    with pytest.raises(ImportRefused, match=r"\.CHECKSUM file beside it"):
        import_file(lake, path, lambda _done, _total: None, now=now)

    assert rows("select * from bars") == []


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_a_checksum_that_is_no_ordinary_file_is_refused_at_once(write, untouched, now, kind):
    """A pipe has nobody to write into it, and a device has no end."""
    path = write("BTCUSDT-metrics-2025-10-01.zip", METRICS + metric(after(5)))
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if kind == "a pipe":
        os.mkfifo(beside)
    else:
        beside.symlink_to("/dev/zero")

    with pytest.raises(ImportRefused, match=r"the \.CHECKSUM file beside it cannot be read"):
        import_file(untouched, path, lambda _done, _total: None, now=now)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        pytest.param(
            "BTCUSDT-metrics-2025-10-01.csv",
            METRICS + metric(after(5)) + metric(after(10), oi="many"),
            r"line 3: sum_open_interest should be a number, not 'many'",
            id="text for a number",
        ),
        pytest.param(
            "BTCUSDT-metrics-2025-10-01.csv",
            METRICS + "\n" + metric(after(5)) + "\r\n" + metric(after(10)).replace(",0.9", ""),
            r"line 5: expected 8 columns, found 7",
            id="column missing, after blank lines",
        ),
        pytest.param(
            "BTCUSDT-metrics-2025-10-01.csv",
            METRICS + metric(after(5)) + metric(after(10)).replace("2025-10-01", "2025-13-01"),
            r"line 3: create_time should be a time, not '2025-13-01 00:10:00'",
            id="no such day",
        ),
        pytest.param(
            "BTCUSDT-metrics-2025-10-01.csv",
            METRICS.replace("sum_open_interest_value,", "") + metric(after(5)),
            r"line 1: the header line should be create_time,symbol,sum_open_interest,",
            id="another first line",
        ),
        pytest.param(
            "BTCUSDT-metrics-2025-10-01.csv",
            METRICS + metric(after(5)) + '"' + metric(after(10)) + metric(after(15)),
            r"line 3: a quotation mark is not closed",
            id="open quotation mark",
        ),
        pytest.param(
            "BTCUSD_PERP-fundingRate-2025-10.csv",
            f"{FUNDING}{ms(after(0))},8,0.0001\n",
            "BTCUSD_PERP is not supported: coin-margined",
            id="coin-margined funding",
        ),
        pytest.param(
            "funding.csv",
            f"{FUNDING}{ms(after(0))},8,0.0001\n",
            "keep the name that Binance gave it",
            id="funding of whom",
        ),
        pytest.param(
            "BTCUSDT-fundingRate-2025-10.csv",
            f"{FUNDING}{ms(after(0))},8,0.0001\nsoon,8,0.0001\n",
            "line 3: calc_time should be a time, not 'soon'",
            id="payment at no time",
        ),
    ],
)
def test_a_malformed_file_is_refused_in_a_sentence(refusal, name, text, sentence):
    """The sentence has the file and the line, and nothing of the file is stored."""
    said = refusal(name, text)

    assert re.search(rf"{name}(, |: ){sentence}.*; nothing was stored", said)


def test_a_member_of_another_pair_is_refused(refusal):
    """A zip whose name and member disagree is not the file it seems."""
    said = refusal(
        "BTCUSDT-metrics-2025-10-01.zip",
        METRICS + metric(after(5)),
        member="ETHUSDT-metrics-2025-10-01.csv",
    )

    assert "its member is named ETHUSDT-metrics-2025-10-01; one of the two names" in said


def test_rows_of_times_still_to_come_are_left_out(take, now):
    """A wrong clock must not fill tomorrow's bars."""
    text = METRICS + metric(now - timedelta(minutes=5)) + metric(now)

    summary = take("BTCUSDT-metrics-2025-10-01.csv", text)

    assert summary.refused == {"bar not closed yet": 1}
    assert summary.stored["bars"] == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BTCUSDT-metrics-2025-10-01.csv", METRICS),
        ("BTCUSDT-fundingRate-2025-10.csv", FUNDING),
        (
            "BTCUSDT-5m-2025-10-01.csv",
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
            "taker_buy_volume,taker_buy_quote_volume,ignore\n",
        ),
    ],
)
def test_a_file_without_rows_stores_nothing(take, name, text):
    """It is not malformed; there is only nothing in it."""
    summary = take(name, text)

    assert (summary.rows_read, summary.stored) == (0, {"snapshots": 0, "bars": 0})
