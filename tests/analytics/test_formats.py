"""How values are written: edges of scale, of sign and of absence."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from analytics import formats

WRITERS = [
    formats.usd,
    formats.pct,
    formats.trimmed_pct,
    formats.points,
    formats.share,
    formats.ratio,
    formats.difference,
    formats.sigmas,
    formats.price,
    formats.count,
    formats.latency,
    formats.size,
    formats.age,
    formats.countdown,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize(
    "nothing", [None, math.nan, np.float64("nan"), pd.NA, pd.NaT, math.inf, -math.inf], ids=repr
)
def test_what_is_no_number_is_a_dash(write, nothing):
    """No page ever shows nan, inf or None."""
    assert write(nothing) == "–"


def test_people_read_a_venue_s_name():
    """Whatever has none of ours is shown as it is called in the lake."""
    assert formats.venues(["okx", "binance", "mexc"]) == "Binance, mexc and OKX"
    assert formats.on_venue("BTC/USDT:USDT", "bybit") == "BTC/USDT on Bybit"
    assert formats.writer("venue")(None) == "–"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "$0.00"),
        (0.004, "$0.00"),
        (-0.004, "$0.00"),
        (12.3, "$12.30"),
        (999.994, "$999.99"),
        (999.996, "$1.00K"),
        (1_000, "$1.00K"),
        (999_994, "$999.99K"),
        (999_999, "$1.00M"),
        (1_234_567_890, "$1.23B"),
        (9_150_000_000, "$9.15B"),
        (2.5e12, "$2.50T"),
        (1e16, "$10,000.00T"),
        (-1_500_000, "-$1.50M"),
    ],
)
def test_money_keeps_two_places_at_every_scale(value, written):
    """The rounded figure picks the letter: never $1,000.00K."""
    assert formats.usd(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.42, "+0.42 %"),
        (-3.1, "-3.10 %"),
        (0, "0.00 %"),
        (-0.001, "0.00 %"),
        (1234.5, "+1,234.50 %"),
    ],
)
def test_a_change_has_a_sign_unless_it_is_nought(value, written):
    """Colour alone never says which way it went, and nought goes neither way."""
    assert formats.pct(value) == written


def test_funding_keeps_four_places():
    """0.01 % is the resting rate: two places would show nothing else."""
    assert formats.pct(0.00561, 4) == "+0.0056 %"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (98_123.4, "98,123.40"),
        (187.23, "187.230"),
        (0.2214, "0.221400"),
        (0.000123456, "0.000123456"),
        (0.00009999996, "0.000100000"),
        (0.00001234, "0.0₄1234"),
        (0.00000471, "0.0₅471"),
        (-0.00000471, "-0.0₅471"),
        (0.0000047100049, "0.0₅471"),
        (0.00000471234567, "0.0₅471235"),
        (0.000004, "0.0₅400"),
        (1e-12, "0.0₁₁100"),
        (0, "0.00"),
        (-0.0, "0.00"),
        (-187.23, "-187.230"),
        (1_234_567.891, "1,234,567.89"),
        (1e12, "1,000,000,000,000.00"),
    ],
)
def test_a_price_shows_its_figures_whatever_its_size(value, written):
    """A coin of a thousandth of a cent is as readable as bitcoin, and as short."""
    assert formats.price(value) == written
    assert len(written) <= 11 or abs(value) >= 1e6


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-2, "0 s"),
        (0, "0 s"),
        (45.9, "45 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3_600, "1 h"),
        (86_400, "24 h"),
        (172_800, "2 d"),
        (34_128_000, "395 d"),
    ],
)
def test_an_age_counts_whole_units(seconds, written):
    """Not "yesterday": what a trader can add to a clock."""
    assert formats.age(seconds) == written
    assert formats.age(timedelta(seconds=seconds)) == written


def test_times_are_written_in_utc():
    """A time from elsewhere is the same moment."""
    noon = datetime(2025, 10, 22, 14, 44, tzinfo=timezone(timedelta(hours=2)))

    assert formats.moment(noon) == "2025-10-22 12:44 UTC"
    assert formats.clock(noon) == "12:44:00 UTC"
    assert formats.moment(datetime(2025, 10, 22, 12, 44, tzinfo=UTC)) == formats.moment(noon)
    assert formats.moment(noon, noon) == "12:44 UTC"
    assert formats.moment(noon, noon + timedelta(days=1)) == "2025-10-22 12:44 UTC"
    assert formats.minute(noon) == "12:44"
    assert formats.moment(None) == formats.clock(pd.NaT) == formats.minute(None) == "–"


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("Europe/Berlin", "2025-10-26 01:44:00 Europe/Berlin"),
        ("Asia/Kathmandu", "2025-10-26 05:29:00 Asia/Kathmandu"),
        ("UTC", None),
        ("Europe/Nowhere", None),
        ("../../etc/passwd", None),
        ("Europe", None),
        ("", None),
        (None, None),
    ],
)
def test_a_local_time_names_its_zone(zone, written):
    """It says nothing where the browser's zone is not known, or shows what stands there anyway."""
    late = datetime(2025, 10, 25, 23, 44, tzinfo=UTC)

    assert formats.local(late, zone) == formats.local(late.replace(tzinfo=None), zone) == written
    assert formats.local(None, zone) is formats.local(pd.NaT, zone) is None


def test_a_zone_says_how_far_it_is_from_utc():
    """West of it is behind."""
    noon = datetime(2025, 10, 22, 12, tzinfo=UTC)

    assert formats.ahead(noon, "Asia/Kolkata") == "Asia/Kolkata is UTC+05:30"
    assert formats.ahead(noon, "America/New_York") == "America/New_York is UTC-04:00"
    assert formats.ahead(noon, "UTC") is formats.ahead(noon, None) is None


@pytest.mark.parametrize(
    ("symbol", "written"),
    [("BTC/USDT:USDT", "BTC/USDT"), ("BTC/USD:BTC", "BTC/USD:BTC"), ("odd", "odd")],
)
def test_a_pair_names_its_settlement_only_where_it_differs(symbol, written):
    """A coin-margined contract must not look like the linear one."""
    assert formats.pair(symbol) == written


def test_lists_read_like_sentences():
    """Long ones say how many more there are."""
    assert formats.listed([]) == ""
    assert formats.listed(["a"]) == "a"
    assert formats.listed(["a", "b", "c"]) == "a, b and c"
    assert formats.listed(["a", "b", "c", "d"], most=3) == "a, b and 2 more"


def test_a_long_text_is_cut_short_and_says_so():
    """On one line, and never longer than asked for."""
    assert formats.shortened("a\n  b") == "a b"
    assert formats.shortened("x" * 300) == "x" * 300
    assert formats.shortened("x" * 301) == "x" * 298 + " …"


def test_counts_and_sizes():
    """Singular and plural; powers of a thousand, as disks are sold."""
    assert formats.plural(1, "pair") == "1 pair"
    assert formats.plural(1_200, "pair") == "1,200 pairs"
    assert formats.size(812) == "812 B"
    assert formats.size(1_234_000_000) == "1.2 GB"
    assert formats.share(62.4) == "62 %"
    assert formats.latency(140.4) == "140 ms"


@pytest.mark.parametrize(
    ("left", "written"),
    [
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 05 min"),
        (timedelta(minutes=14), "14 min"),
        (3_600, "1 h 00 min"),
        (59, "0 min"),
        (-30, "0 min"),
    ],
)
def test_a_countdown_is_in_whole_minutes(left, written):
    """What is due is not written with a minus."""
    assert formats.countdown(left) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.11, "+0.11 %"), (0.0125, "+0.0125 %"), (-0.03, "-0.03 %"), (0.1, "+0.10 %"), (0, "0.00 %")],
)
def test_a_small_rate_has_the_decimals_that_it_needs(value, written):
    """Two at least, four at most."""
    assert formats.trimmed_pct(value) == written
