"""Exchanges: what each venue stands at, one asset over all of them, and what they offer."""

from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st

from analytics.exports.csv import csv_bytes
from analytics.exports.pdf import pdf_bytes
from analytics.market.figures import FIGURES, Figure
from analytics.market.venue_summary import VenueSummary
from dashboard.exchanges import exchange_exports
from dashboard.state.as_of import Moment

BTC, ETH, PEPE = "BTC/USDT:USDT", "ETH/USDT:USDT", "1000PEPE/USDT:USDT"
OFFER = {
    "column": "oi_raw",
    "source": "open interest",
    "cadence": "every cycle",
    "unit": "contracts",
    "remark": "oi",
}
FLOW = {
    "column": "taker_buy_usd",
    "source": "trades stream",
    "cadence": "as it happens",
    "unit": "USD",
    "remark": "",
}
LIMIT = {"name": "public", "amount": 20.0, "per_s": 2.0, "ceiling": 0.5}


@pytest.fixture
def exchanges(app):
    """The app, turned to the Exchanges page, as a link with these words in it opens it."""

    def run(**link):
        for name, value in link.items():
            app.query_params[name] = value
        app.switch_page("app_pages/exchanges.py").run()
        assert not app.exception
        return app

    return run


def two_venues(record):
    """Three quarters of the open interest on binance, of two pairs; the rest on okx."""
    rest = {"volume_24h_usd": 1e9, "funding_interval_h": 8.0, "spread_bps": 0.5}
    later = {"next_funding_ts": record.noon + timedelta(hours=3, minutes=16)}
    record.snapshot(
        BTC,
        price=101.5,
        mark=101.0,
        index=100.0,
        oi_usd=4e9,
        funding_rate=0.0003,
        ls_accounts=2.0,
        **rest,
        **later,
    )
    record.snapshot(
        ETH, price=50.0, mark=50.0, index=50.0, oi_usd=2e9, funding_rate=0.0, **rest, **later
    )
    record.snapshot(
        BTC,
        venue="okx",
        price=100.0,
        oi_usd=2e9,
        funding_rate=-0.0001,
        ls_accounts=1.0,
        **{**rest, "funding_interval_h": 4.0},
    )


def figures(page):
    """Return the cards as {label: value}."""
    return {card.label: card.value for card in page.metric}


def venue_cards(page):
    """Return the small figures of each venue's card, as they are written."""
    bodies = [part.proto.body for part in page.get("html")]
    return [body for body in bodies if "<dl" in body]


def text(page):
    """Return every sentence on the page."""
    parts = [*page.error, *page.warning, *page.info, *page.caption, *page.markdown]
    return "\n".join(part.value for part in parts).replace("\\", "")


def comparison(page):
    """Return the table of one asset: its values, and as it is written."""
    (found,) = (one for one in page.dataframe if "basis_pct" in one.value)
    written = found.proto.arrow_data.styler.display_values
    return found.value, pa.ipc.open_stream(written).read_pandas()


def test_sum_and_volume_weighted_stand_side_by_side(exchanges, record):
    """Each under its own name: they answer different questions."""
    two_venues(record)
    record.publish()

    cards = figures(exchanges())

    assert cards["Open interest, sum"] == "$8.00B"
    assert cards["Volume-weighted OI"] == "$2.67B"
    assert cards["BTC: Open interest"] == "$6.00B"
    assert cards["BTC: Weighted OI"] == "$3.00B"


def test_a_silent_venue_is_missing_in_every_sum(exchanges, record):
    """Okx is collected and has not been heard of: the cards and its asset's say so."""
    two_venues(record)
    record.instrument(BTC, venue="bybit")
    for symbol, venue in ((BTC, "binance"), (ETH, "binance"), (ETH, "okx"), (BTC, "okx")):
        record.instrument(symbol, venue=venue)
    record.publish()

    page = exchanges()

    told = {card.label: card.delta for card in page.metric}
    assert told["Open interest, sum"] == "3 of 5 pairs"
    assert told["Volume 24 h, sum"] == "3 of 5 pairs"
    assert told["Open interest"] == "1 of 2 pairs"
    assert told["BTC: Open interest"] == "2 of 3 instruments"
    heads = [part.proto.body for part in page.get("html")]
    assert any("1 of 2 pairs" in head for head in heads)
    assert "Shares cover 3 of 5 pairs collected; the others have no current data." in text(page)


def test_a_card_for_each_venue_largest_first(exchanges, record):
    """Means are weighted by open interest: binance pays 0.03 % on 4 of 6."""
    two_venues(record)
    record.publish()

    binance, okx = venue_cards(exchanges())

    assert all(
        f"<dd>{value}</dd>" in binance
        for value in ("75.0 %", "$2.00B", "66.7 %", "+0.0200 %", "+21.90 %", "2.00", "+0.6667 %")
    )
    assert all(
        f"<dd>{value}</dd>" in okx
        for value in ("25.0 %", "$1.00B", "33.3 %", "-0.0200 %", "-21.90 %", "1.00", "–")
    )


def test_compares_one_asset_row_by_row(exchanges, record):
    """The 4-hour rate of okx is rebased, and the extremes are marked by more than colour."""
    two_venues(record)
    record.publish()

    page = exchanges()
    values, written = comparison(page)

    assert values["venue"].tolist() == ["binance", "okx"]
    assert written["venue"].tolist() == ["Binance", "OKX"]
    assert values["oi_share_pct"].tolist() == pytest.approx([200 / 3, 100 / 3])
    assert values["funding_8h_pct"].tolist() == pytest.approx([0.03, -0.02])
    assert written.iloc[0].tolist() == [
        *("BTC/USDT", "Binance", "101.500", "$4.00B", "66.7 %", "▲ +0.0300 %", "+32.85 %", "8 h"),
        *("3 h 16 min", "2.00", "$1.00B", "+1.0000 %", "0.50 bps", "0 s"),
    ]
    assert written.iloc[1]["funding_8h_pct"] == "▼ -0.0200 %"
    assert written.iloc[1]["next_funding_s"] == written.iloc[1]["basis_pct"] == "–"
    (spread,) = (card for card in page.metric if "spread" in card.label)
    assert (spread.value, spread.delta) == ("0.0500 pp", "Binance over OKX")


def test_the_same_funding_everywhere_is_level(exchanges, record):
    """0.01 % is the resting rate of several venues: none of them is the highest."""
    for venue in ("binance", "okx"):
        known = {"price": 1.0, "oi_usd": 1e9, "funding_rate": 0.0001, "funding_interval_h": 8.0}
        record.snapshot(BTC, venue=venue, **known)
    record.publish()

    page = exchanges()
    _, written = comparison(page)

    assert written["funding_8h_pct"].tolist() == ["+0.0100 %", "+0.0100 %"]
    (spread,) = (card for card in page.metric if "spread" in card.label)
    assert (spread.value, spread.delta) == ("0.0000 pp", "")


def funding_table(page):
    """Return the table of all assets: its values, and as it is written."""
    (found,) = (one for one in page.dataframe if "legs" in one.value or "base" in one.value)
    written = found.proto.arrow_data.styler.display_values
    return found.value, pa.ipc.open_stream(written).read_pandas()


def test_funding_of_all_assets_widest_spread_first(exchanges, record):
    """0.03 % in eight hours against -0.01 % in four: 0.05 points, 54.75 a year."""
    two_venues(record)
    record.publish()

    page = exchanges()
    values, written = funding_table(page)

    assert values.columns.tolist() == [
        *("base", "binance", "okx", "venue_spread_pp", "venue_spread_apr_pct", "legs"),
        *("next_funding_s", "oi_usd"),
    ]
    assert written.to_numpy().tolist() == [
        *(
            ["BTC", "▲ +0.0300 %", "▼ -0.0200 %", "0.0500 pp", "54.75 pp", "Binance / OKX"]
            + ["3 h 16 min", "$6.00B"],
            ["ETH", "0.0000 %", "–", "–", "–", "–", "3 h 16 min", "$2.00B"],
        )
    ]
    page.session_state["funding_per"] = "Per year"
    assert funding_table(page.run())[1]["okx"].tolist() == ["▼ -21.90 %", "–"]


def test_without_a_second_venue_there_is_no_spread(exchanges, record):
    """No empty columns, but a sentence."""
    two_venues(record)
    record.publish()

    page = exchanges(venues="OKX")

    assert funding_table(page)[0].columns.tolist() == ["base", "okx", "next_funding_s", "oi_usd"]
    assert "No spread: no asset has funding on two of the venues shown." in text(page)


def test_a_silent_venue_is_said_to_be_no_part_of_the_spread(exchanges, record):
    two_venues(record)
    record.rows[-1:] = []
    at = record.noon - timedelta(minutes=5)
    record.snapshot(BTC, venue="okx", at=at, oi_usd=2e9, funding_rate=-0.9, funding_interval_h=8.0)
    record.publish()

    page = exchanges()

    assert "OKX is silent for 1 asset: last rates in italics, not in the spread." in text(page)
    assert funding_table(page)[1]["okx"].tolist() == ["-90.0000 %", "–"]


def test_rows_do_not_change_places_beneath_the_pointer(exchanges, record):
    """Whoever clicks means the row that stood there."""
    two_venues(record)
    record.publish()
    page = exchanges()
    before = comparison(page)[0]["venue"].tolist()

    later = record.noon + timedelta(seconds=10)
    record.rows.clear()
    for venue, oi_usd in (("binance", 1e9), ("okx", 9e9)):
        record.snapshot(BTC, venue=venue, at=later, price=1.0, oi_usd=oi_usd)
    record.publish()
    st.cache_data.clear()
    st.cache_resource.clear()
    page.run()

    assert figures(page)["BTC: Open interest"] == "$10.00B"
    assert comparison(page)[0]["venue"].tolist() == before == ["binance", "okx"]
    assert page.session_state["comparison_rows"] == [("binance", BTC), ("okx", BTC)]


def test_the_asset_lives_in_the_link(exchanges, record):
    """The largest comes first, and another can be asked for."""
    two_venues(record)
    record.publish()

    page = exchanges(asset="ETH")

    assert figures(page)["ETH: Open interest"] == "$2.00B"
    assert figures(page)["ETH: Funding spread"] == "–"
    assert "ETH has data on one venue only" in text(page)


def test_shares_stay_shares_of_all_venues(exchanges, record):
    """A venue that is chosen alone does not become the whole market."""
    two_venues(record)
    record.publish()

    page = exchanges(venues="okx")

    (okx,) = venue_cards(page)
    assert "<dd>25.0 %</dd>" in okx
    assert "Share of the sum over all venues." in okx
    assert comparison(page)[0]["oi_share_pct"].tolist() == pytest.approx([100 / 3])
    assert figures(page)["Open interest, sum"] == "$2.00B"


def test_shares_are_of_the_chosen_pairs(exchanges, record):
    """On all venues: okx has 2 of 6 billion in BTC."""
    two_venues(record)
    record.publish()

    page = exchanges(venues="okx", pairs="BTC/USDT")

    (okx,) = venue_cards(page)
    assert "<dd>33.3 %</dd>" in okx
    assert "Share of the sum over the selected pairs on all venues." in okx


def test_says_why_an_asset_stands_alone(exchanges, record):
    """It is on two venues, and the sidebar shows one of them."""
    two_venues(record)
    record.publish()

    said = text(exchanges(venues="okx"))

    assert "Only one venue is selected in the sidebar: nothing to compare BTC with." in said
    assert "data on one venue only" not in said


def test_old_values_say_their_age(exchanges, record):
    """okx was last heard of five minutes before binance."""
    two_venues(record)
    record.rows[-1:] = []
    at = record.noon - timedelta(minutes=5)
    record.snapshot(BTC, venue="okx", at=at, price=100.0, oi_usd=2e9)
    record.publish()

    page = exchanges()

    assert "Last data from OKX 5 min ago, more than 2 cycles" in text(page)
    assert 'class="old"' in venue_cards(page)[1]


def test_says_which_metrics_a_venue_lacks(exchanges, record):
    """Once for the venue, not for each of its pairs."""
    two_venues(record)
    record.publish()

    said = text(exchanges())

    assert "No index price, and so no basis from OKX for any pair." in said
    assert "for BTC/USDT on OKX" not in said


def test_a_venue_that_failed_from_the_start_has_a_card(exchanges, record):
    """It says why nothing is known of it."""
    record.snapshot(BTC, price=1.0, oi_usd=1e9)
    record.cycle(venue="okx", answered=0, error="okx: 451: this region is refused [for good]")
    record.publish(venues=json.dumps({"bybit": {"title": "Bybit", "offers": [], "limits": []}}))

    page = exchanges()
    titles = [part.proto.body for part in page.get("html") if "<strong" in part.proto.body]

    assert [name in body for name, body in zip(("Binance", "Bybit", "OKX"), titles, strict=True)]
    assert "451: this region is refused [for good]." in text(page)
    assert "No data in the last 24 hours" in text(page)


def test_a_thousand_coins_to_a_price_are_said(exchanges, record):
    """Else its price looks a thousand times too high beside another venue's."""
    record.instrument(PEPE)
    record.instruments = [
        type(one)(**{**{name: getattr(one, name) for name in one.__slots__}, "multiplier": 1000})
        for one in record.instruments
    ]
    record.snapshot(PEPE, price=0.0045, oi_usd=1e6)
    record.publish()

    assert "1000PEPE/USDT on Binance is quoted per 1,000 coins." in text(exchanges())


def bars(record, venue, minutes, oi_usd):
    for ago in minutes:
        ended = record.noon.replace(minute=40) - timedelta(minutes=ago)
        record.bar(BTC, venue=venue, ended=ended, close=1.0, oi_usd=oi_usd)


def points(page):
    """Return the points of the chart of shares, each once."""
    (chart,) = page.get("vega_lite_chart")
    (drawn,) = (
        table
        for one in chart.proto.datasets
        for table in [pa.ipc.open_stream(one.data.data).read_pandas()]
        if "venue" in table
    )
    return drawn


def test_shares_over_time_are_how_far_they_moved(exchanges, record):
    """In points since the start: 3 of 4 billion, then 6 of 8, then 3 of 5. Of 15 minutes each
    counts what was known last."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    for ago, binance, okx in ((40, 3e9, 1e9), (25, 6e9, 2e9), (10, 3e9, 2e9)):
        bars(record, "binance", (ago,), binance)
        bars(record, "okx", (ago,), okx)
    record.publish()

    page = exchanges()
    drawn = points(page)

    moved = drawn.groupby("venue")["change_pp"].apply(list).to_dict()
    assert moved == {"binance": [0, 0, -15], "okx": [0, 0, 15]}
    assert drawn["share_pct"].tolist() == [75, 75, 60, 25, 25, 40]
    assert set(drawn["name"]) == {"Binance", "OKX"}
    assert "Percentage points of the open interest of all pairs on all venues, since" in text(page)


def test_shares_over_time_are_of_all_venues(exchanges, record):
    """Those of the venues that are not chosen are left out of the picture only."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    record.snapshot(BTC, venue="okx", price=1.0, oi_usd=1.0)
    bars(record, "binance", (40, 25, 10), 3e9)
    bars(record, "okx", (40, 25, 10), 1e9)
    record.publish()

    drawn = points(exchanges(venues="OKX"))

    assert set(zip(drawn["venue"], drawn["share_pct"], strict=True)) == {("okx", 25.0)}


def test_while_a_venue_is_absent_no_share_has_moved(exchanges, record):
    """The others' would seem to have grown: these times are left out, by a sentence and a gap."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    bars(record, "binance", (55, 40, 25, 10), 3e9)
    bars(record, "okx", (55, 40, 10), 1e9)
    record.publish()

    page = exchanges()
    drawn = points(page)

    assert drawn["change_pp"].tolist() == [0] * 6
    assert drawn.groupby("venue")["stretch"].apply(list).to_dict() == {
        "binance": [0, 0, 1],
        "okx": [0, 0, 1],
    }
    assert "No data from OKX at 1 of 4 times: left out." in text(page)


def test_a_venue_with_few_of_its_pairs_is_left_out(exchanges, record):
    """Its share fell by 25 points because ETH was not heard of, not because anyone sold."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    for venue in ("binance", "okx"):
        bars(record, venue, (40, 25, 10), 1e9)
    for ago in (40, 10):
        ended = record.noon.replace(minute=40) - timedelta(minutes=ago)
        record.bar(ETH, venue="okx", ended=ended, close=1.0, oi_usd=2e9)
    record.publish()

    page = exchanges()

    assert points(page)["change_pp"].tolist() == [0] * 4
    assert "Few pairs from OKX at 1 time: left out." in text(page)


def test_a_time_that_nothing_is_known_of_is_a_hole_and_a_sentence(exchanges, record):
    """In the lines of all venues."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    for venue in ("binance", "okx"):
        bars(record, venue, (55, 40, 10), 1e9)
    record.publish()

    page = exchanges()

    assert points(page).groupby("venue")["stretch"].nunique().tolist() == [2, 2]
    assert "No data at 1 time." in text(page)


def test_one_venue_has_no_shares_to_compare(exchanges, record):
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    bars(record, "okx", (40, 25, 10), 1e9)
    record.publish()

    assert "OKX alone has all pairs: no shares to compare." in text(exchanges())


def test_without_history_says_so(exchanges, record):
    """One snapshot makes no area."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    record.publish()

    assert "No open interest for all pairs in the 24 h shown." in text(exchanges())


def test_shows_where_each_metric_comes_from(exchanges, record):
    """A row for each metric, a column for each venue; what one lacks is said."""
    record.snapshot(BTC, price=1.0, oi_usd=1.0)
    told = {
        "okx": {"title": "OKX", "offers": [OFFER, FLOW], "limits": [LIMIT]},
        "bybit": {"title": "Bybit", "offers": [OFFER], "limits": []},
    }
    record.publish(venues=json.dumps(told))

    page = exchanges()
    matrix = page.table[0].value.replace(r"\\(.)", r"\1", regex=True)
    (limits,) = (one.value for one in page.dataframe if "Collector uses at most" in one.value)

    assert matrix["Metric"].tolist() == ["Open interest, as counted", "Taker buys"]
    assert matrix["OKX"].tolist() == [
        "open interest · every cycle",
        "trades stream · as it happens",
    ]
    assert matrix["Bybit"].tolist() == ["open interest · every cycle", "not offered"]
    assert limits.to_numpy().tolist() == [["OKX", "public", "20 in 2 s", "50 %"]]


def test_missing_metrics_leave_dashes(exchanges, record):
    """A venue that states a price and nothing else."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    page = exchanges()

    assert figures(page)["Open interest, sum"] == "–"
    assert comparison(page)[1].iloc[0]["oi_usd"] == "–"


def test_nothing_recorded_lately_is_a_sentence(exchanges, record):
    """The record ends before the time that is asked for; the venues' offers are still shown."""
    record.snapshot(BTC, price=1.0)
    record.publish(
        venues=json.dumps({"okx": {"title": "OKX", "offers": [OFFER], "limits": [LIMIT]}})
    )

    page = exchanges(at="2025-10-23T12:00Z")

    assert "No data for the selected pairs and venues in the 10 min before" in text(page)
    assert "OKX" in page.table[0].value


def test_an_empty_record_says_the_way_forward(exchanges):
    """No lake at all."""
    assert "perpscope up" in exchanges().info[0].value


def test_files_hold_the_page(record):
    """Tables with their units, and a document of the whole."""
    shown = Moment(record.noon, "live", "simulator", timedelta(seconds=30), timedelta())
    drawn = pd.DataFrame(
        {
            "ts": [record.noon, record.noon + timedelta(hours=1)],
            "venue": "okx",
            "share_pct": [25.0, 30.0],
            "change_pp": [0.0, 5.0],
            "pairs": 1,
            "stretch": 0,
        }
    )
    asset = pd.DataFrame(
        {
            "venue": ["okx"],
            "pair": ["BTC/USDT"],
            **dict.fromkeys(
                ("price", "oi_usd", "oi_share_pct", "funding_8h_pct", "funding_apr_pct"), 1.0
            ),
            **dict.fromkeys(("funding_interval_h", "next_funding_s", "ls_accounts"), 8.0),
            **dict.fromkeys(("volume_24h_usd", "basis_pct", "spread_bps", "age_s"), None),
        }
    )

    none = dict.fromkeys(FIGURES, Figure(None, 0, 2, pd.Series(dtype=float)))
    oi = {**none, "global_oi_usd": Figure(2e9, 1, 2, pd.Series(dtype=float))}
    stand = (VenueSummary("okx", oi, 100.0, *[float("nan")] * 3, 1, 2, record.noon),)

    rates = pd.DataFrame(
        {
            "base": ["BTC"],
            "venue": "okx",
            "symbol": BTC,
            **dict.fromkeys(("oi_usd", "funding_8h_pct", "funding_apr_pct"), 1.0),
            "funding_interval_h": 8.0,
            "next_funding_ts": record.noon,
            **dict.fromkeys(("venue_spread_pp", "venue_spread_apr_pct"), None),
            **dict.fromkeys(("highest_venue", "lowest_venue"), "okx"),
            "received_ts": record.noon,
        }
    )
    made = exchange_exports.tables(stand, rates, asset, "BTC", drawn)
    venues = csv_bytes(made["Venues"]()).decode("utf-8-sig").splitlines()
    header = csv_bytes(made["Shares"]()).decode("utf-8-sig").splitlines()[0]
    report = exchange_exports.report(stand, rates, asset, "BTC", drawn, shown, {"Asset": "BTC"})

    funding = csv_bytes(made["Funding by asset"]()).decode("utf-8-sig").splitlines()

    assert list(made) == ["Venues", "Funding by asset", "BTC", "Shares"]
    assert funding[1] == (
        "BTC,okx,BTC/USDT,1.0,1.0,1.0,8.0,2025-10-22T12:44:00Z,,,okx,okx,2025-10-22T12:44:00Z"
    )
    assert venues[1] == "okx,1,2,2000000000.0,100.0,,,,,,,,2025-10-22T12:44:00Z"
    assert header == (
        "Time [UTC],Venue,Share of open interest [%],Change of OI share [percentage points],Pairs"
    )
    assert report.figures[0].change == "1 of 2 pairs"
    assert pdf_bytes(report).startswith(b"%PDF")
