"""Wallboard: few things, large, and a sentence where there is nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from analytics.palette import DARK, LIGHT
from analytics.signals.fired import Signal
from dashboard.components.signal_list import signal_lines

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
WHOLE = {"price": 110.0, "volume_24h_usd": 10e9, "oi_usd": 6e9, "ls_accounts": 2.0}


@pytest.fixture
def wall(app):
    """The app, turned to the wallboard."""

    def run():
        app.run()
        return app.switch_page("app_pages/wallboard.py").run()

    return run


def shown(page):
    """Return the words on the wall."""
    parts = [element.proto.body for element in page.main if element.type == "html"]
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", " ".join(parts)))


def test_shows_the_market_in_words(wall, record):
    """Figures, movers, signals and ages."""
    record.snapshot(BTC, at=record.noon - timedelta(minutes=5), price=100.0)
    record.snapshot(BTC, **WHOLE)
    record.cycle()
    record.publish()

    page = wall()

    assert not page.exception
    words = shown(page)
    assert words.index("BTC 110.000") < words.index("Signals, 5m") < words.index("Breadth")
    assert "Open interest $6.00B" in words
    assert "Price, 5m BTC +10.00 %" in words
    assert "No signals in the last closed bar." in words
    assert "■■■ OI, crowd and order book at once" in words  # the legend
    assert "Binance 0 s" in words


def test_bitcoin_ether_and_solana_lead_whatever_is_larger(wall, record):
    """Their prices come first; where one is not collected, the next largest takes its place."""
    for base, oi in (("XRP", 9e9), ("SOL", 1e9), ("DOGE", 5e9), ("BTC", 2e9)):
        record.snapshot(f"{base}/USDT:USDT", price=1.0, price_24h_ago=2.0, oi_usd=oi)
    record.publish()

    page = wall()

    main = next(
        e.proto.body for e in page.main if e.type == "html" and "wall-prices" in e.proto.body
    )
    assert re.findall(r'<div class="wall-price"><h2>(\w+)</h2>', main) == ["BTC", "SOL", "XRP"]
    assert "-50.00 % 24 h" in shown(page)


def test_a_change_says_the_time_that_it_is_of(wall, app, record):
    """The tab asks for four hours, the record knows 3 h 58 min; one of two pairs is silent."""
    record.bar(BTC, ended=record.noon - timedelta(hours=3, minutes=58), oi_usd=5e9)
    record.snapshot(BTC, **WHOLE)
    record.instrument(BTC)
    record.instrument(ETH)
    record.publish()
    app.query_params["timeframe"] = "4h"

    words = shown(wall())

    assert "Open interest $6.00B +20.00 % in 3 h 58 min 1 of 2 pairs" in words
    assert "Long/short 2.00 1 of 2 pairs" in words
    assert "Open interest, 4h BTC +20.00 %" in words


def test_a_signal_of_tier_two_is_on_it(wall, record):
    """Open interest jumps after 22 quiet bars, with more longs than shorts and a leaning book."""
    for nth in range(26):
        ended = record.noon - timedelta(minutes=4 + 5 * nth)
        oi = 8e9 if nth == 0 else 6e9 + 1e6 * (nth % 3)
        record.bar(BTC, ended=ended, close=100.0, oi_usd=oi, ls_accounts=4.0, book_imbalance=0.2)
    record.snapshot(BTC, **WHOLE)
    record.publish()

    words = shown(wall())

    assert re.search(
        r"■■■ BTC Binance OI \+[\d.,]+ σ in 5m, crowd long \(L/S 4.00\), more bids", words
    )


def test_overview_lists_the_same_signals_once_somebody_asks(app, record):
    """Nothing is loaded for a menu that is shut."""
    for nth in range(26):
        ended = record.noon - timedelta(minutes=4 + 5 * nth)
        record.bar(BTC, ended=ended, oi_usd=8e9 if nth == 0 else 6e9 + 1e6 * (nth % 3))
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()
    assert "BTC Binance OI" not in shown(app)

    app.session_state["signals"] = True
    app.run()
    assert not app.exception
    assert re.search(r"■ BTC Binance OI \+[\d.,]+ σ in 5m", shown(app))
    assert "Colours: longs crowded" in shown(app)


def signal(tier, base, **values):
    """One that fired on okx."""
    noon = datetime(2025, 10, 22, 12, tzinfo=UTC)
    subject = {
        5: {"venue": "okx", "symbol": None, "base": base},
        6: {"venue": None, "symbol": None, "base": None},
    }.get(tier, {"venue": "okx", "symbol": f"{base}/USDT:USDT", "base": base})
    told = {"tier": tier, "values": values, "thresholds": {"cluster_bars": 4}, "timeframe": "5m"}
    return Signal(**subject, **told, ts=noon, now=noon)


def lines(signals):
    """Return the list of *signals* as it is read."""
    return [re.sub(r"<[^>]+>", "", line) for line in signal_lines(signals, DARK, 7)]


def test_the_gravest_signals_are_not_crowded_out():
    """A venue's share departs from its history all the time: that comes last."""
    shares = [signal(5, f"C{n}", z_oi_share=n - 15.0, oi_share_pct=30.0) for n in range(10)]
    grave = [
        signal(2, "BTC", z_oi=3.0, ls_accounts=2.5, book_imbalance_pct=-4.0),
        signal(3, "SOL", oi_delta_pct=1.5, price_delta_pct=-1.0, cvd_delta_usd=-1e6),
        signal(4, "XRP", funding_8h_pct=0.04, oi_delta_pct=-1.0),
        signal(6, None, tier_2_bases=5.0),
    ]

    assert lines([*shares, *grave]) == [
        "■■■Market 5 coins with crowd long on a jump of OI within 20 min",
        "■■■BTC OKX OI +3.0 σ in 5m, crowd long (L/S 2.50), more asks",
        "■■SOL OKX Takers sell, price -1.00 %, OI +1.50 % in 5m",
        "■■XRP OKX Funding +0.04 % per 8 h, longs pay, OI -1.00 % in 5m",
        *(f"■C{n} OKX Share of OI 30.0 %, {n - 15:.1f} σ in 5m" for n in range(3)),
        "and 7 others",
    ]


def test_a_stopped_collector_cannot_be_overlooked(wall, record):
    """From three metres an old figure looks like a new one."""
    record.snapshot(BTC, **WHOLE)
    record.publish()

    assert "COLLECTOR NOT RUNNING · age" in shown(wall())


def test_a_running_one_is_live(wall, record):
    """A cycle that ended two seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=2)
    record.snapshot(BTC, at=at, **WHOLE)
    record.cycle(at=at)
    record.publish()

    words = shown(wall())

    assert "Live" in words
    assert "COLLECTOR NOT RUNNING" not in words


def test_a_venue_whose_cycle_failed_is_not_in_the_colour_of_those_that_are_well(wall, record):
    """Its cycle ended two seconds ago as well, but brought nothing."""
    at = datetime.now(UTC) - timedelta(seconds=2)
    record.snapshot(BTC, at=at, **WHOLE)
    record.cycle(at=at)
    record.cycle(at=at, venue="okx", answered=0, error="okx: tickers: timeout after 10 s")
    record.publish()

    page = wall()

    parts = "".join(element.proto.body for element in page.main if element.type == "html")
    ages = re.findall(r'<span>(Binance|OKX) <small>(.*?)</small><b style="color:(.*?)">', parts)
    (well, quiet, up), (failing, said, alert) = ages
    assert (well, quiet, failing, said) == ("Binance", "", "OKX", "error")
    assert up in {DARK.up, LIGHT.up}
    assert alert in {DARK.alert, LIGHT.alert}


def test_an_empty_lake_is_a_sentence(wall):
    """Not an empty wall."""
    page = wall()

    assert not page.exception
    assert "perpscope up" in page.info[0].value


def test_shows_the_chosen_venues_only(wall, app, record):
    """The link to the wallboard says which."""
    record.snapshot(BTC, **WHOLE)
    record.snapshot(ETH, venue="okx", **{**WHOLE, "oi_usd": 1e9})
    record.publish()
    app.query_params["venues"] = "okx"

    assert "Open interest $1.00B" in shown(wall())


def test_names_are_text(wall, record):
    """A venue's words are never markup."""
    name = "<b>X</b>/USDT:USDT"
    record.snapshot(name, at=record.noon - timedelta(minutes=5), price=100.0)
    record.snapshot(name, **WHOLE)
    record.publish()

    page = wall()

    parts = " ".join(element.proto.body for element in page.main if element.type == "html")
    assert "&lt;b&gt;X" in parts
    assert "<b>X" not in parts


def test_no_cycle_is_not_taken_for_an_import(wall, record):
    """It may have been fetched by backfill as well."""
    record.snapshot(BTC, **WHOLE)
    record.publish()

    words = shown(wall())

    assert "No cycles in the last 24 hours." in words
    assert "imported" not in words


def test_says_what_was_fetched_later_and_a_clock_that_is_ahead(wall, app, record):
    """In the words that a wall has room for."""
    ahead = datetime.now(UTC) + timedelta(minutes=5, seconds=30)
    record.snapshot(BTC, at=ahead, **WHOLE)
    ended, fetched = record.noon - timedelta(minutes=9), record.noon.replace(tzinfo=None)
    later = {"snapshot_count": 0, "known_ts": fetched + timedelta(hours=1)}
    record.bar(BTC, ended=ended, close=1.0, origin="backfill", **later)
    record.publish()

    assert "COLLECTOR CLOCK 5 min AHEAD" in shown(wall())

    app.query_params["at"] = "2025-10-22T12:44Z"
    app.session_state["at"] = "2025-10-22T12:44Z"
    assert "as known then · age" in shown(app.run())
    app.session_state["later"] = True
    assert "including data fetched later · age" in shown(app.run())
