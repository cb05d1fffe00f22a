"""One name for two coins, or for a coin and a share, is two assets on every page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

GAS, CAT, BTC = "GAS/USDT:USDT", "CAT/USDT:USDT", "BTC/USDT:USDT"
EXCHANGES, MARKET = "app_pages/exchanges.py", "app_pages/market.py"
BAR = timedelta(minutes=5)
APART = "Prices of GAS differ by a factor of 2,000 between venues"


def text(page):
    """Return every sentence on the page."""
    parts = [*page.caption, *page.info, *page.warning, *page.error]
    return "\n".join(part.value for part in parts).replace("\\", "")


def cards(page):
    return {card.label.replace("\\", ""): card.value for card in page.metric}


def two_gases(record, bars=12):
    """Neo's GAS for 4 USD on binance, another for 0.002 on bybit, for so many bars."""
    funding = {"binance": 0.0001, "bybit": 0.0002}
    for venue, price, oi in (("binance", 4.0, 10e6), ("bybit", 0.002, 9e6)):
        more = {"funding_rate": funding[venue], "funding_interval_h": 8.0}
        record.snapshot(GAS, venue=venue, price=price, oi_usd=oi, volume_24h_usd=5e6, **more)
        record.cycle(venue=venue)
        for nth in range(bars):
            ended = record.noon.replace(minute=40) - nth * BAR
            record.bar(GAS, venue=venue, ended=ended, close=price, oi_usd=oi, oi_base=oi / price)


def test_two_coins_of_one_name_are_not_summed(record, opened):
    """10 and 9 million are never 19, and the spread of their funding is none."""
    two_gases(record)
    page = opened(EXCHANGES, asset="GAS (bybit)")
    assert page.selectbox(key="asset").options == ["GAS (binance)", "GAS (bybit)"]
    assert cards(page)["GAS (bybit): Open interest"] == "$9.00M"
    assert cards(page)["GAS (bybit): Funding 8 h"] == "+0.0200 %"
    assert f"{APART}. Treated as 2 assets" in text(page)
    assert "GAS (bybit) has data on one venue only" in text(page)


def test_until_the_hour_is_over_the_sum_is_said_to_be_doubtful(record, opened):
    two_gases(record, bars=11)
    page = opened(EXCHANGES)
    assert page.selectbox(key="asset").options == ["GAS"]
    assert f"{APART}. Treated as one asset unless this lasts an hour." in text(page)


def test_market_has_a_page_for_each_and_says_why(record, opened):
    two_gases(record)
    page = opened(MARKET, base="GAS (bybit)")
    assert APART in text(page)
    assert cards(page)["Open interest"] == "$9.00M"
    assert page.selectbox(key="market_pair").value == "GAS (bybit) · all venues"


def test_a_link_to_the_name_alone_names_its_assets(record, opened):
    two_gases(record)
    page = opened(MARKET, base="GAS")
    assert "GAS stands for several assets: choose GAS (binance) and GAS (bybit) above." in text(
        page
    )


def test_a_pair_is_found_under_its_own_name_whatever_it_is_counted_under(record, opened):
    two_gases(record)
    page = opened(MARKET, venue="bybit", symbol=GAS)
    assert page.selectbox(key="market_pair").value == "GAS/USDT · Bybit"
    assert "market_chart_sent" in page.session_state


def test_nobody_leads_among_two_coins(record, opened):
    """Correlation compares the venues of BTC, and finds none to compare for GAS."""
    two_gases(record, bars=30)
    for venue in ("binance", "bybit"):
        record.snapshot(BTC, venue=venue, price=100.0, oi_usd=1e6, volume_24h_usd=1e6)
        for nth in range(30):
            ended = record.noon.replace(minute=40) - nth * BAR
            record.bar(BTC, venue=venue, ended=ended, close=100.0 + nth % 7, oi_usd=1e6)
    page = opened("app_pages/correlation.py")
    assert page.selectbox(key="corr_base").options == ["BTC"]


def test_health_names_it(record, opened):
    two_gases(record)
    page = opened("app_pages/health.py")
    assert APART in "\n".join(part.value for part in page.warning)


def test_a_past_page_knows_what_was_known_then(record, opened):
    """Forty minutes before, prices had been apart for four bars only."""
    two_gases(record)
    page = opened(EXCHANGES, at="2025-10-22T12:00:00Z")
    assert page.selectbox(key="asset").options == ["GAS"]


@pytest.mark.parametrize(("kind", "assets"), [("stock", ["CAT (stock)", "CAT"]), (None, ["CAT"])])
def test_a_share_and_a_coin_of_one_name_are_two(record, opened, kind, assets):
    """By the venue's word, before a price has been known for an hour; without it they are one."""
    record.snapshot(CAT, price=500.0, oi_usd=3e6)
    record.snapshot(CAT, venue="bybit", price=0.002, oi_usd=2e6)
    record.instrument(CAT)
    record.instrument(CAT, venue="bybit")
    record.instruments[0] = replace(record.instruments[0], asset_class=kind)
    page = opened(EXCHANGES)
    assert page.selectbox(key="asset").options == assets
