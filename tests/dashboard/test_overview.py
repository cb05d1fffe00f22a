"""Overview: figures by hand, and a sentence for whatever is not there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pytest

from dashboard.loaders import source

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
WHOLE = {
    "price": 110.0,
    "price_24h_ago": 100.0,
    "volume_24h_usd": 10e9,
    "oi_usd": 6e9,
    "funding_rate": 0.0001,
    "funding_interval_h": 8.0,
    "ls_accounts": 2.0,
}


@pytest.fixture
def app(app):
    """The whole app, its rows of pairs; those of assets are ``test_overview_assets``."""
    app.query_params["rows"] = "pairs"
    return app


class Card(NamedTuple):
    label: str
    value: str
    change: str
    note: str
    help: str


CARD = re.compile(
    r'<li><span class="label">(?P<label>.*?)<span class="ask".*?aria-label="(?P<help>.*?)">.*?'
    r'<b>(?P<value>.*?)</b>(?:<span class="change .*?">(?P<change>.*?)</span>)? '
    r'<span class="note">(?P<note>.*?)</span></li>'
)


def strip(app):
    """Return the HTML of the cards, which are one element of the page."""
    (body,) = [html.proto.body for html in app.get("html") if 'class="kpis"' in html.proto.body]
    return body


def all_cards(app):
    """Return the cards in their order."""
    found = [card.groupdict("") for card in CARD.finditer(strip(app))]
    assert len(found) == strip(app).count("<li>") == 8
    return [Card(**{name: unescape(said) for name, said in one.items()}) for one in found]


def cards(app):
    """Return the cards as {label: value}."""
    return {card.label: card.value for card in all_cards(app)}


def curve(app, nth):
    """Return how far down the points of the nth card's curve lie, from 2 to 98."""
    (rule,) = re.findall(rf"nth-child\({nth}\) {{ background-image: (.*?) }}", strip(app))
    points = re.search(r"polyline points=\"(.*?)\"", unquote(rule)).group(1)
    return [int(point.partition(",")[2]) for point in points.split()]


def text(app):
    """Return every sentence on the page."""
    parts = [*app.caption, *app.info, *app.warning, *app.error, *app.markdown]
    return "\n".join(part.value for part in parts).replace("\\", "")


def written(app):
    """Return the table as it is written on the screen."""
    shown = app.dataframe[0].proto.arrow_data.styler.display_values
    return pa.ipc.open_stream(shown).read_pandas()


def rows(app):
    """Return what is in the table's first column."""
    return written(app)["pair"].tolist()


def old_cells(app, column):
    """Return the pairs whose *column* is in italics."""
    table, styler = app.dataframe[0].value, app.dataframe[0].proto.arrow_data.styler
    nth = table.columns.get_loc(column)
    return [
        pair.split()[0]
        for row, pair in enumerate(table["pair"])
        if re.search(rf"row{row}_col{nth}\b[^}}]*italic", styler.styles)
    ]


def two_venues(record):
    record.snapshot(BTC, at=record.noon - timedelta(minutes=5), oi_usd=5e9)
    record.snapshot(BTC, **WHOLE)
    record.snapshot(
        BTC,
        venue="okx",
        price=90.0,
        price_24h_ago=100.0,
        volume_24h_usd=5e9,
        oi_usd=2e9,
        funding_rate=-0.0001,
        funding_interval_h=4.0,
        ls_accounts=1.0,
    )


def young(record):
    """A record that began two minutes ago."""
    for at in (record.noon - timedelta(minutes=2), record.noon):
        record.snapshot(BTC, at=at, **{**WHOLE, "ls_accounts": None})


def clock_of(now, speed=1, seconds=0):
    """Return a simulator's clock that showed *now* so many wall *seconds* ago."""
    started = datetime.now(UTC) - timedelta(seconds=seconds)
    stated = {"origin_ms": _ms(now), "started_at_ms": _ms(started), "speed": speed}
    return json.dumps(stated)


def _ms(time):
    return int(time.timestamp() * 1000)


def test_cards_show_the_market(app, record):
    """Three quarters of the open interest pay 0.01 %, one quarter receives 0.02 %; two thirds and
    a half are long, so five eighths of the whole."""
    two_venues(record)
    record.publish()

    app.run()

    assert not app.exception
    assert cards(app) == {
        "Open interest": "$8.00B",
        "Weighted OI": "$4.67B",
        "Volume 24 h": "$15.00B",
        "Funding 8 h": "+0.0025 %",
        "Long/short": "1.67",
        "Liquidations 1 h": "–",
        "Breadth 24 h": "50 %",
        "OI change": "–",
    }


def test_table_shows_every_pair_largest_first(app, record):
    """The numbers stay numbers, so that the table sorts by them; their writing is extra."""
    two_venues(record)
    record.publish()

    app.run()
    table = app.dataframe[0].value

    assert rows(app) == ["BTC/USDT Binance", "BTC/USDT OKX"]
    assert table["oi_usd"].tolist() == [6e9, 2e9]
    assert table["oi_delta_pct"].iloc[0] == pytest.approx(20)
    assert pd.isna(table["oi_delta_pct"].iloc[1])
    first = written(app).iloc[0]
    assert first[["pair", "price", "oi_usd", "oi_delta_pct"]].tolist() == [
        *("BTC/USDT Binance", "110.000", "$6.00B", "+20.00 %"),
    ]
    assert first[["funding_8h_pct", "ls_accounts", "volume_24h_usd", "age_s"]].tolist() == [
        *("+0.0100 %", "2.00", "$10.00B", "0 s"),
    ]


def test_says_the_way_forward_when_nothing_was_recorded(app):
    """A new installation shows what to do, not an empty page."""
    app.run()

    assert not app.exception
    assert "perpscope up" in app.info[0].value
    assert "perpscope demo" in app.info[0].value


def test_an_empty_record_is_no_record(app, record):
    """A collector that has just started has published its tables and nothing in them."""
    record.publish()

    app.run()

    assert not app.exception
    assert "perpscope up" in app.info[0].value


def test_one_pair_is_enough(app, record):
    """No figure needs a second one."""
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()

    assert not app.exception
    assert cards(app)["Open interest"] == "$6.00B"
    assert "1 pair on 1 venue" in text(app)


def test_names_what_is_missing_and_why(app, record):
    """Long/short is on its way, the OI change too, and both say when."""
    young(record)
    record.cycle()
    record.publish(clock=clock_of(record.noon))

    app.run()

    assert "**Live**" in text(app)
    assert cards(app)["Long/short"] == "–"
    assert (
        "Long/short is missing for the only pair: published every 5 minutes; first values at "
        "12:45 UTC." in text(app)
    )
    assert (
        "OI change is missing for the only pair: needs 5 minutes of history; first values at "
        "12:47 UTC." in text(app)
    )
    assert written(app)["ls_accounts"].tolist() == ["–"]


def test_what_should_be_there_by_now_is_due(app, record):
    """A time that has passed is no promise any more."""
    for ago in (timedelta(minutes=5, seconds=30), timedelta(0)):
        record.snapshot(BTC, at=record.noon - ago, **{**WHOLE, "ls_accounts": None})
    record.cycle()
    record.publish(clock=clock_of(record.noon))

    app.run()

    assert "published every 5 minutes; first values due now." in text(app)


def test_nothing_arrives_where_nobody_collects(app, record):
    """The record ends before its first ratio: the reason stays, the promise goes."""
    young(record)
    record.publish()

    app.run()

    assert "No collector is running" in app.warning[0].value
    assert "Long/short is missing for the only pair: published every 5 minutes." in text(app)
    assert "OI change is missing for the only pair: needs 5 minutes of history." in text(app)
    assert "first values" not in text(app)


def test_says_so_when_a_whole_venue_does_not_tell(app, record):
    """Four pairs of one venue without funding are one sentence about that venue."""
    for symbol in (BTC, ETH, SOL, "XRP/USDT:USDT"):
        record.snapshot(symbol, **WHOLE)
        record.snapshot(symbol, venue="okx", **{**WHOLE, "funding_interval_h": None})
    record.publish()

    app.run()

    said = "Funding 8 h is missing for all 4 pairs on OKX: funding interval not published."
    assert said in text(app)


def test_names_pairs_that_fell_silent(app, record):
    """A pair of the universe that is not in the table is in a sentence."""
    record.snapshot(BTC, **WHOLE)
    record.snapshot(ETH, at=record.noon - timedelta(minutes=11), **WHOLE)
    for symbol, in_universe in ((BTC, True), (ETH, True), (SOL, False)):
        record.instrument(symbol, in_universe=in_universe)
    record.publish()

    app.run()

    assert rows(app) == ["BTC/USDT Binance"]
    assert "Not in the table, no data for 10 min: ETH/USDT on Binance." in text(app)


def test_names_refused_values(app, record):
    """What validation took away is not simply gone."""
    record.snapshot(BTC, flags="refused:oi_usd:unit_jump", **{**WHOLE, "oi_usd": None})
    record.snapshot(ETH, **WHOLE)
    record.publish()

    app.run()

    assert "Impossible values refused: oi_usd for BTC/USDT on Binance (unit jump)." in text(app)


def test_counts_what_was_refused_of_many(app, record):
    """An answer that is too old takes a value from each of its pairs: one item, not one a pair."""
    for symbol in (BTC, ETH, SOL, "XRP/USDT:USDT"):
        jumped = " refused:oi_usd:unit_jump" if symbol in (BTC, ETH) else ""
        record.snapshot(symbol, flags=f"refused:mark:too_old{jumped}", **WHOLE)
        record.snapshot(symbol, venue="okx", flags="oi-audit", **WHOLE)
    record.publish()

    app.run()

    assert (
        "Impossible values refused: mark for all 4 pairs on Binance (too old) and oi_usd for "
        "BTC/USDT on Binance and ETH/USDT on Binance (unit jump)." in text(app)
    )


def test_an_old_value_carries_its_age(app, record):
    """Price came a moment ago, open interest three minutes before it."""
    record.snapshot(BTC, at=record.noon - timedelta(minutes=3), **WHOLE)
    record.snapshot(BTC, price=111.0, price_24h_ago=100.0)
    record.snapshot(ETH, at=record.noon - timedelta(minutes=4), **WHOLE)
    record.publish()

    app.run()

    assert written(app).set_index("pair")["age_s"].to_dict() == {
        "BTC/USDT Binance": "0 s",
        "ETH/USDT Binance": "4 min",
    }
    for metric in ("Open interest", "Funding 8 h", "Volume 24 h"):
        assert f"{metric} is older than 2 cycles for all 2 pairs, at most 4 min old." in text(app)
    assert "Price is older than 2 cycles for ETH/USDT on Binance, at most 4 min old." in text(app)


def test_long_short_says_which_mark_it_is_of(app, record):
    """It comes every five minutes: up to ten are its two cycles."""
    record.snapshot(BTC, ls_ts=record.noon - timedelta(minutes=10), **WHOLE)
    record.snapshot(ETH, ls_ts=record.noon - timedelta(minutes=10), **WHOLE)
    record.snapshot(SOL, **{**WHOLE, "ls_accounts": None})
    record.publish()

    app.run()

    assert "Long/short as of 12:34 UTC." in text(app)
    assert "Long/short is older" not in text(app)
    assert old_cells(app, "ls_accounts") == []


def test_an_old_long_short_ratio_is_marked(app, record):
    """The row came a moment ago and repeats what was published fourteen minutes before."""
    record.snapshot(BTC, ls_ts=record.noon - timedelta(minutes=4), **WHOLE)
    record.snapshot(ETH, ls_ts=record.noon - timedelta(minutes=14), **WHOLE)
    record.publish()

    app.run()

    assert "Long/short is older than 10 min for ETH/USDT on Binance, at most 14 min old." in text(
        app
    )
    assert "Long/short as of 12:30 to 12:40 UTC." in text(app)
    assert old_cells(app, "ls_accounts") == ["ETH/USDT"]
    assert old_cells(app, "price") == []


def test_a_stopped_collector_is_said_so(app, record):
    """The record is shown as of its end, not as an empty present."""
    two_venues(record)
    record.publish()

    app.run()

    assert app.warning[0].value.startswith(
        "No collector is running. Showing data as of 2025-10-22 12:44 UTC (age "
    )


def test_a_running_collector_is_live(app, record):
    """A cycle that ended two seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=2)
    record.snapshot(BTC, at=at, **WHOLE)
    record.cycle(at=at)
    record.publish()

    app.run()

    assert not app.warning
    assert "**Live**" in text(app)


def test_a_cycle_of_two_minutes_ago_is_not_live(app, record):
    """Three cycles of silence mean that nobody collects."""
    at = datetime.now(UTC) - timedelta(minutes=2)
    record.snapshot(BTC, at=at, **WHOLE)
    record.cycle(at=at)
    record.publish()

    app.run()

    assert "No collector is running" in app.warning[0].value
    assert app.dataframe[0].value["age_s"].tolist() == [0]


def test_a_fast_clock_is_read_off_its_newest_cycle(app, record):
    """At 600 times the speed the wall is minutes ahead of any page."""
    at = record.noon + timedelta(minutes=19)
    record.snapshot(BTC, at=at, **WHOLE)
    record.cycle(at=at)
    record.publish(origin="simulator", clock=clock_of(record.noon, speed=600, seconds=2))

    app.run()

    assert not app.warning
    assert "13:03:00 UTC" in text(app)


@pytest.mark.parametrize(("origin", "labelled"), [("simulator", True), ("live", False)])
def test_a_simulated_market_is_labelled(app, record, origin, labelled):
    """Nobody trades on figures that are made up."""
    two_venues(record)
    record.publish(origin=origin)

    app.run()
    assert ("SIMULATED MARKET" in text(app)) is labelled

    app.switch_page("app_pages/health.py").run()
    assert ("SIMULATED MARKET" in text(app)) is labelled


def test_a_time_can_be_asked_for(app, record):
    """At 12:40 the row of 12:44 did not exist."""
    record.snapshot(BTC, at=record.noon - timedelta(minutes=5), **{**WHOLE, "oi_usd": 5e9})
    record.snapshot(BTC, **WHOLE)
    record.publish()
    app.query_params["at"] = "2025-10-22T12:40Z"

    app.run()

    assert cards(app)["Open interest"] == "$5.00B"
    assert "as known at 2025-10-22 12:40 UTC" in app.info[0].value
    assert written(app)["age_s"].tolist() == ["1 min"]

    (now,) = [button for button in app.button if button.label == "Now"]
    now.click().run()
    assert cards(app)["Open interest"] == "$6.00B"


def test_a_time_nobody_can_read_is_answered_with_an_example(app, record):
    """The URL is typed by people."""
    two_venues(record)
    record.publish()
    app.query_params["at"] = "yesterday"

    app.run()

    assert not app.exception
    assert "at=yesterday is not a time; try 12:44 for today, or 2025-10-22 12:44" in text(app)


def test_a_time_before_the_record_says_so(app, record):
    """An empty table would look like a dead market."""
    two_venues(record)
    record.publish()
    app.query_params["at"] = "2025-01-01T00:00Z"

    app.run()

    assert "No data in the 10 min before 2025-01-01 00:00 UTC." in text(app)


def test_venues_can_be_chosen_and_the_cards_follow(app, record):
    """Cards and table are of the same pairs."""
    two_venues(record)
    record.publish()

    app.run()
    app.pills(key="venues").set_value(["okx"]).run()

    assert rows(app) == ["BTC/USDT OKX"]
    assert cards(app)["Open interest"] == "$2.00B"
    assert "1 pair on 1 venue" in text(app)
    assert "card averages different counts" not in text(app)


def test_an_average_of_different_counts_is_said_so(app, record):
    """Long/short counts accounts here and holders there."""
    two_venues(record)
    record.publish()

    app.run()

    assert "card averages different counts" in text(app)


def test_a_record_of_bars_alone_is_shown(app, record):
    """An imported archive has no snapshots."""
    for minutes, oi in ((5, 5e9), (0, 6e9)):
        ended = record.noon.replace(minute=40) - timedelta(minutes=minutes)
        record.bar(BTC, ended=ended, close=100.0, oi_usd=oi)
    record.publish()

    app.run()

    assert not app.exception
    assert cards(app)["Open interest"] == "$6.00B"
    assert app.dataframe[0].value["oi_delta_pct"].tolist() == pytest.approx([20])
    assert "1 pair shown from 5-minute bars" in text(app)


def test_cards_say_how_far_they_came(app, record):
    """From the nearest that is on record to now, and in the time that this really is."""
    for minutes, oi in ((14, 5e9), (9, 5.5e9), (4, 6e9)):
        record.bar(BTC, ended=record.noon - timedelta(minutes=minutes), oi_usd=oi)
    record.snapshot(BTC, **{**WHOLE, "oi_usd": 7e9})
    record.publish()

    app.run()
    assert all_cards(app)[0].change == "+16.67 %"
    assert all_cards(app)[0].note == "in 4 min"

    app.segmented_control(key="timeframe").set_value("15m").run()
    card = all_cards(app)[0]
    assert (card.value, card.change) == ("$7.00B", "+40.00 %")
    assert card.note == "in 14 min"
    assert "OI change covers 14 min instead of 15 min for the only pair." in text(app)
    assert curve(app, 1) == [98, 50, 2]
    assert "No curve yet for Volume-weighted OI" in text(app)

    app.segmented_control(key="timeframe").set_value("4h").run()
    assert (all_cards(app)[0].change, all_cards(app)[0].note) == ("", "no change yet")
    assert "no open interest for both now and 4h ago" in text(app)


def test_the_time_that_a_change_covers_is_a_column(app, record):
    """One pair is known exactly a quarter of an hour before, the other two minutes off."""
    for symbol, minutes in ((BTC, 15), (ETH, 17)):
        at = record.noon - timedelta(minutes=minutes)
        record.snapshot(symbol, at=at, price=100.0, oi_usd=5e9)
        record.snapshot(symbol, **WHOLE)
    record.publish()
    app.query_params["timeframe"] = "15m"
    app.query_params["columns"] = ["Price Δ over", "OI Δ over"]

    app.run()

    rows = written(app).set_index(written(app).columns[0])
    assert rows.iloc[:, -2:].to_numpy().tolist() == [["15 min"] * 2, ["17 min"] * 2]
    assert "Price change covers 17 min instead of 15 min for ETH/USDT on Binance" in text(app)


def card(app, label):
    """Return value, change and what stands beside it of the card called *label*."""
    (found,) = (one for one in all_cards(app) if one.label == label)
    return found.value, found.change, found.note


def two_venues_for_an_hour(record, okx_until):
    """Nothing moves; okx is heard until so many minutes ago. Both are collected."""
    for minutes in range(80, -1, -5):
        at = record.noon - timedelta(minutes=minutes)
        record.bar(BTC, ended=at - timedelta(minutes=4), **HOUR_OF_BINANCE)
        record.snapshot(BTC, at=at, **WHOLE)
        if minutes >= okx_until:
            record.bar(BTC, venue="okx", ended=at - timedelta(minutes=4), **HOUR_OF_OKX)
            record.snapshot(BTC, venue="okx", at=at, **OKX)
    for venue in ("binance", "okx"):
        record.instrument(BTC, venue=venue)
        record.cycle(venue=venue)


OKX = {**WHOLE, "oi_usd": 2e9, "funding_rate": -0.0002, "ls_accounts": 0.5}
HOUR_OF_BINANCE = {
    **{"close": 110.0, "oi_usd": 6e9, "volume_24h_usd": 10e9, "funding_rate": 0.0001},
    **{"funding_interval_h": 8.0, "ls_accounts": 2.0, "liq_long_usd": 1e6, "liq_short_usd": 0.0},
}
HOUR_OF_OKX = {
    **HOUR_OF_BINANCE,
    **{"oi_usd": 2e9, "funding_rate": -0.0002, "ls_accounts": 0.5, "liq_long_usd": 2e6},
}


def test_a_silent_venue_moves_nothing_and_is_missing_on_every_card(app, record):
    """OKX has been silent for 20 minutes: the values are of one of two pairs, and all changes 0."""
    two_venues_for_an_hour(record, okx_until=20)
    record.publish()
    app.query_params["timeframe"] = "1h"

    app.run()

    beside = "in 1 h, 1 of 2 pairs"
    assert card(app, "Open interest") == ("$6.00B", "0.00 %", beside)
    assert card(app, "Weighted OI") == ("$6.00B", "0.00 %", beside)
    assert card(app, "Volume 24 h") == ("$10.00B", "0.00 %", beside)
    assert card(app, "Funding 8 h") == ("+0.0100 %", "0.0000 pp", beside)
    assert card(app, "Long/short") == ("2.00", "0.00", beside)
    assert "From 1 of 2 pairs collected." in all_cards(app)[0].help
    # 12 bars of 1 M on binance, 8 of 2 M on okx; an hour before okx was not silent, yet no
    # hour of it can be compared.
    beside = "longs $28.00M, shorts $0.00, some for 40 min only"
    assert card(app, "Liquidations 1 h") == ("$28.00M", "", beside)
    assert "For some pairs liquidations cover only 40 min." in text(app)


def test_a_change_that_ended_some_cycles_ago_says_so(app, record):
    """The venue was last heard three minutes ago; its change is of then."""
    for minutes in (63, 3):
        record.snapshot(BTC, at=record.noon - timedelta(minutes=minutes), **WHOLE)
    record.cycle()
    record.publish()
    app.query_params["timeframe"] = "1h"

    app.query_params["at"] = "2025-10-22T12:44Z"
    app.run()

    assert card(app, "Open interest")[2] == "in 1 h, 3 min ago"


def test_a_failing_venue_is_named_with_its_error(app, record):
    """Half a market looks like a whole one unless somebody says so."""
    two_venues(record)
    record.cycle()
    record.cycle(venue="okx", answered=0, error="OKX: fetch_tickers: 50011 Too Many Requests")
    record.publish()

    app.run()

    assert "OKX: fetch_tickers: 50011 Too Many Requests." in text(app)
    assert "okx: okx:" not in text(app)


@pytest.mark.parametrize(
    ("value", "allowed"), [("soon", "a valid number"), ("1", "greater than or equal to 5")]
)
def test_a_wrong_interval_is_a_sentence(app, record, monkeypatch, value, allowed):
    """A typo in a setting never becomes a silent default."""
    two_venues(record)
    record.publish()
    monkeypatch.setenv("PERPSCOPE_INTERVAL_S", value)

    app.run()

    assert not app.exception
    assert f"PERPSCOPE_INTERVAL_S='{value}': must be {allowed}" in text(app)


def test_the_settings_are_those_of_the_collector(record, monkeypatch):
    """Also where they are in .env."""
    monkeypatch.delenv("PERPSCOPE_DATA_DIR")
    Path(".env").write_text("PERPSCOPE_DATA_DIR=elsewhere\nPERPSCOPE_INTERVAL_S=45\n", "utf-8")

    assert source.folder() == str(Path("elsewhere").absolute())
    assert source.interval_s() == 45


def movers(app):
    """Return the lists of movers as {title: [[symbol, venue, pair, text, part], ...]}."""
    (lists,) = (
        json.loads(element.proto.json)["lists"]
        for element in app.main
        if getattr(element.proto, "component_name", "") == "perpscope_movers"
    )
    return {one["title"]: one for one in lists}


def an_hour_later(record):
    """Bars of an hour ago, and a snapshot of now: price +10 %, OI -50 %, long/short +100 %."""
    then = record.noon - timedelta(minutes=60)
    record.bar(
        BTC,
        ended=then,
        close=100.0,
        oi_usd=12e9,
        ls_accounts=1.0,
        funding_rate=0.0002,
        funding_interval_h=8.0,
    )
    record.bar(BTC, ended=record.noon - timedelta(minutes=15), close=109.0, oi_usd=6e9)
    record.snapshot(BTC, **WHOLE)


def test_the_timeframe_changes_every_change(app, record):
    """Against the bar that ended that long before; what no bar knows then is absent."""
    an_hour_later(record)
    record.publish()
    app.query_params["columns"] = ["Price Δ", "OI Δ", "L/S Δ", "Funding Δ"]

    app.query_params["timeframe"] = "1h"
    app.run()
    hour = app.dataframe[0].value.iloc[0]
    app.segmented_control(key="timeframe").set_value("15m").run()
    quarter = app.dataframe[0].value.iloc[0]

    assert hour["price_delta_pct"] == pytest.approx(10)
    assert hour["oi_delta_pct"] == pytest.approx(-50)
    assert hour["ls_delta_pct"] == pytest.approx(100)
    assert hour["funding_delta_pp"] == pytest.approx(-0.01)
    assert quarter["price_delta_pct"] == pytest.approx(100 * (110 / 109 - 1))
    assert quarter["oi_delta_pct"] == 0
    assert pd.isna(quarter["ls_delta_pct"])
    assert "no long/short for both now and 15m ago" in text(app)


def test_a_page_has_one_timeframe(app, record):
    """Not a second one in the sidebar."""
    record.publish()
    app.run()

    assert [one.key for one in app.segmented_control if "5m" in one.options] == ["timeframe"]


def test_open_interest_is_compared_with_its_own_time(app, record):
    """A venue that tells of OI less often than of prices: five minutes before its newest OI."""
    price_only = {"price": 110.0}
    record.snapshot(BTC, at=record.noon - timedelta(minutes=8), oi_usd=5e9)
    record.snapshot(BTC, at=record.noon - timedelta(minutes=5), oi_usd=5.5e9)
    record.snapshot(BTC, at=record.noon - timedelta(minutes=3), oi_usd=6e9)
    record.snapshot(BTC, **price_only)
    record.publish()

    app.run()

    assert app.dataframe[0].value["oi_delta_pct"].tolist() == pytest.approx([20])


def test_movers_are_listed_from_both_ends(app, record):
    """Each pair once, rises first, with bars as long as the largest change allows."""
    for symbol, before in ((BTC, 100.0), (ETH, 220.0), (SOL, 110.0)):
        record.snapshot(symbol, at=record.noon - timedelta(minutes=5), price=before)
        record.snapshot(symbol, **WHOLE)
    record.publish()

    app.run()
    lists = movers(app)

    assert lists["Price"]["rows"] == [
        [BTC, "binance", "BTC/USDT", "+10.00 %", 20],
        [ETH, "binance", "ETH/USDT", "-50.00 %", -100],
    ]
    assert lists["Long/short"]["said"] == "No data yet."
    spans = {title: one["span"] for title, one in lists.items()}
    assert spans == {
        "Price": "in 5 min",
        "Open interest": "in 5m",
        "Long/short": "in 5m",
        "Funding 8 h": "now",
    }
    assert [row[3] for row in lists["Funding 8 h"]["rows"]] == ["+0.0100 %"] * 3


def test_movers_say_what_time_they_really_moved_in(app, record):
    """The tab asks for five minutes; what is on record lies four, and six and a half, before."""
    for symbol, back in ((BTC, timedelta(minutes=4)), (ETH, timedelta(minutes=6, seconds=29))):
        record.snapshot(symbol, at=record.noon - back, price=100.0)
        record.snapshot(symbol, **WHOLE)
    record.publish()

    app.run()

    assert movers(app)["Price"]["span"] == "in 4 min to 6 min"


def test_curves_stand_beside_each_pair(app, record):
    """The closes of the bars, between the least and the most of them."""
    for nth, close in enumerate((100.0, 110.0, 105.0)):
        record.bar(BTC, ended=record.noon - timedelta(minutes=14 - 5 * nth), close=close)
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()
    row = app.dataframe[0].value.iloc[0]

    assert list(row["price_curve"]) == [0, 100, 50]
    assert list(row["oi_curve"]) == []
    assert "RSI is missing for the only pair: needs about 15 closed bars of 5m" in text(app)


def test_liquidations_are_of_the_newest_hour(app, record):
    """Twelve bars of a million longs and half a million shorts each."""
    for nth in range(14):
        ended = record.noon - timedelta(minutes=4 + 5 * nth)
        record.bar(BTC, ended=ended, liq_long_usd=1e6, liq_short_usd=0.5e6)
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()

    assert cards(app)["Liquidations 1 h"] == "$18.00M"
    assert "longs $12.00M, shorts $6.00M" in card(app, "Liquidations 1 h")[2]
    assert "No liquidation" not in text(app)


def test_liquidations_of_a_part_of_the_hour_say_so(app, record):
    """Twelve bars, of which the streams were heard in the newest three: no change, no course."""
    for nth in range(24):
        ended = record.noon - timedelta(minutes=4 + 5 * nth)
        heard = {"liq_long_usd": 1e6, "liq_short_usd": 0.0} if nth < 3 else {}
        record.bar(BTC, ended=ended, **heard)
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()

    beside = "longs $3.00M, shorts $0.00, 15 of 60 min"
    assert card(app, "Liquidations 1 h") == ("$3.00M", "", beside)
    assert "Liquidations: 15 of 60 min known." in text(app)


def test_liquidations_of_the_first_minutes_are_on_their_way(app, record):
    """Streams are heard, and no whole bar is over: the one from 12:45 on ends at 12:50."""
    young(record)
    record.cycle()
    record.publish(clock=clock_of(record.noon))

    app.run()

    said = "No liquidations yet: they are summed over whole bars; first values at "
    assert f"{said}12:50 UTC." in text(app)


def test_indicators_say_which_bar_they_are_of(app, record):
    """Changes run up to now, and they do not."""
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.query_params["timeframe"] = "1h"
    app.run()

    assert "z, RSI and place in band: 1h bar closed at 12:00 UTC." in text(app)


OF_BARS = ["z_oi", "rsi_14", "band_pct"]


def test_values_of_the_last_bar_stay_until_the_next_is_recorded(app, record):
    """Venues write theirs one after the other; one that went silent is said to have none."""
    ended = record.noon.replace(minute=40)
    for venue in ("binance", "okx"):
        for nth in range(30):
            values = {"close": 100.0 + nth % 3, "oi_usd": 1e9 + 1e7 * (nth % 4)}
            record.bar(BTC, venue=venue, ended=ended - timedelta(minutes=5 * nth), **values)

    def at(minute, *with_bar):
        """Show seven seconds past *minute*, at which venues *with_bar* have recorded a bar."""
        mark = record.noon.replace(minute=minute)
        for venue in ("binance", "okx"):
            record.snapshot(BTC, venue=venue, at=mark + timedelta(seconds=5), **WHOLE)
        for venue in with_bar:
            record.bar(BTC, venue=venue, ended=mark, close=120.0, oi_usd=2e9)
        record.publish()
        record.rows, record.bars = [], []
        app.session_state["at"] = f"{mark + timedelta(seconds=7):%Y-%m-%dT%H:%M:%SZ}"
        app.run()
        return app.dataframe[0].value.set_index("pair")[OF_BARS]

    waiting = at(45)
    assert waiting.notna().all(axis=None)
    said = "z, RSI and place in band{}: bar closed at 12:40 UTC, waiting for the 12:45 UTC bar."
    assert said.format("") in text(app)

    mixed = at(45, "binance")
    assert mixed.loc["BTC/USDT OKX"].equals(waiting.loc["BTC/USDT OKX"])
    assert (mixed.loc["BTC/USDT Binance"] > waiting.loc["BTC/USDT Binance"]).all()
    assert said.format(" for BTC/USDT on OKX") in text(app)

    silent = at(50, "binance")
    assert silent.loc["BTC/USDT OKX"].isna().all()
    assert silent.loc["BTC/USDT Binance"].notna().all()
    assert (
        "z, RSI and place in band are missing for BTC/USDT on OKX: no 5m bar since 12:40 UTC."
        in text(app)
    )
    assert "needs about" not in text(app)


@pytest.mark.parametrize("words", ["BTCUSDT", "btc-usdt", "BTC/USDT", "btc_usdt binance"])
def test_a_pair_is_found_by_the_name_that_somebody_types(app, record, words):
    """Venues join the parts of a name in their own ways; the count says how many fit."""
    two_venues(record)
    record.snapshot(ETH, **WHOLE)
    record.publish()

    app.query_params["find"] = words
    app.run()

    assert {pair.split()[0] for pair in rows(app)} == {"BTC/USDT"}
    of = re.search(r":gray\[(\d) of (\d) pairs", text(app))
    assert of is not None
    assert int(of[1]) == len(app.dataframe[0].value) < int(of[2])


def test_absent_liquidations_are_said_so(app, record):
    """No stream is not a calm market."""
    two_venues(record)
    record.publish()

    app.run()

    assert cards(app)["Liquidations 1 h"] == "–"
    assert "No liquidation" in text(app)


def filled(app, column):
    """Return the pairs whose *column* is filled, as it is unusual."""
    table, styler = app.dataframe[0].value, app.dataframe[0].proto.arrow_data.styler
    nth = table.columns.get_loc(column)
    return [
        pair.split()[0]
        for row, pair in enumerate(table["pair"])
        if re.search(rf"row{row}_col{nth}\b[^}}]*background", styler.styles)
    ]


def test_thresholds_are_the_users_own(app, record):
    """Long/short of 2 does not exceed 2, and exceeds 1.5; so does its inverse."""
    record.snapshot(BTC, **WHOLE)
    record.snapshot(ETH, **{**WHOLE, "ls_accounts": 0.6, "oi_usd": 5e9})
    record.publish()

    app.run()
    assert filled(app, "ls_accounts") == []

    app.number_input(key="ls").set_value(1.5).run()
    assert filled(app, "ls_accounts") == ["BTC/USDT", "ETH/USDT"]
    assert filled(app, "funding_8h_pct") == []

    app.number_input(key="funding").set_value(0.005).run()
    assert filled(app, "funding_8h_pct") == ["BTC/USDT", "ETH/USDT"]


def test_pairs_can_be_searched(app, record):
    """Words are looked for in name and venue, in any order."""
    two_venues(record)
    record.snapshot(ETH, **WHOLE)
    record.publish()
    app.query_params["find"] = "OKX btc"

    app.run()
    assert rows(app) == ["BTC/USDT OKX"]
    assert cards(app)["Open interest"] == "$14.00B"

    app.text_input(key="find").set_value("doge").run()
    assert not app.dataframe
    assert "No match" in text(app)


def test_columns_can_be_chosen(app, record):
    """What is not shown is not sent."""
    two_venues(record)
    record.publish()
    app.query_params["columns"] = ["Open interest", "24 h"]

    app.run()

    assert app.dataframe[0].value.columns.tolist() == ["pair", "price_24h_pct", "oi_usd"]
    assert app.dataframe[0].value["price_24h_pct"].tolist() == pytest.approx([10, -10])


def test_timeframes_stand_side_by_side(app, record):
    """Whatever the page's own timeframe: an hour ago the price was 100; 24 hours ago nothing."""
    an_hour_later(record)
    record.publish()
    app.run()
    assert "price_delta_pct_1h" not in app.dataframe[0].value.columns

    app.toggle(key="compare").set_value(True).run()

    row = app.dataframe[0].value.iloc[0]
    assert row["price_delta_pct_1h"] == pytest.approx(10)
    assert row["oi_delta_pct_1h"] == pytest.approx(-50)
    assert pd.isna(row["oi_delta_pct_24h"])
    headings = json.loads(app.dataframe[0].proto.columns)
    assert headings["oi_delta_pct_24h"]["label"] == "OI Δ 24h"


def test_a_curve_says_how_long_it_is(app, record):
    """24 bars of 5 minutes are two hours."""
    two_venues(record)
    record.publish()
    app.run()
    short = json.loads(app.dataframe[0].proto.columns)["price_curve"]["label"]
    app.segmented_control(key="timeframe").set_value("4h").run()

    assert short == "Price, 2 h"
    assert json.loads(app.dataframe[0].proto.columns)["price_curve"]["label"] == "Price, 4 d"


def test_unusual_pairs_alone(app, record):
    """Those with a filled cell in the table; what has no column fills none."""
    record.snapshot(BTC, **{**WHOLE, "funding_rate": 0.01, "book_imbalance": 0.5})
    record.snapshot(ETH, **{**WHOLE, "funding_rate": 0.0001, "book_imbalance": 0.5})
    record.publish()
    app.run()
    toggle = app.toggle(key="unusual")
    assert toggle.label == "Unusual only (1)"

    toggle.set_value(True).run()

    assert rows(app) == ["BTC/USDT Binance"]
    assert "1 of 2 pairs" in text(app)


def test_what_is_asked_for_beyond_the_usual_is_loaded(app, record):
    """Basis, yearly funding and the time until it is paid; CVD and liquidations by side."""
    bar = {"taker_buy_usd": 3e6, "taker_sell_usd": 1e6, "liq_long_usd": 5e4, "liq_short_usd": 0.0}
    record.bar(BTC, ended=record.noon - timedelta(minutes=4), **bar)
    due = record.noon + timedelta(minutes=75)
    record.snapshot(BTC, **WHOLE, mark=101.0, index=100.0, next_funding_ts=due)
    record.publish()
    app.query_params["columns"] = [
        *("Funding APR", "Next funding", "Basis", "CVD", "Longs liquidated", "Shorts liquidated")
    ]

    app.run()

    row = written(app).iloc[0]
    assert row[["funding_apr_pct", "next_funding_s", "basis_pct"]].tolist() == [
        *("+10.95 %", "1 h 15 min", "+1.0000 %")
    ]
    assert row[["cvd_usd", "liq_long_usd", "liq_short_usd"]].tolist() == [
        *("+$2.00M", "$50.00K", "$0.00")
    ]


@pytest.mark.parametrize("of", ["pairs", "assets"])
def test_an_hour_of_liquidations_stands_beside_those_before(app, record, of):
    """Twenty-one hours of 1 to 3 thousand USD, then one of 16: +9.4 robust deviations."""
    marks = [record.noon - timedelta(minutes=4 + 5 * back) for back in range(22 * 12)]
    for back, ended in enumerate(marks):
        usd = 16e3 if back < 12 else 1e3 * (1 + back // 12 % 3)
        record.bar(BTC, ended=ended, liq_long_usd=usd / 12, liq_short_usd=0.0)
    record.snapshot(BTC, **WHOLE)
    record.publish()
    app.query_params["rows"] = of
    app.query_params["columns" if of == "pairs" else "asset_columns"] = ["Liq. z"]

    app.run()

    assert written(app)["z_liquidations"].tolist() == ["+9.44"]
    assert app.toggle(key="unusual").label == "Unusual only (1)"
    app.query_params["liq_z"] = "10"
    app.session_state["liq_z"] = 10.0
    app.run()
    assert app.toggle(key="unusual").label == "Unusual only (0)"
    assert "Robust z of liquidations is missing" not in text(app)

    app.query_params["at"] = f"{record.noon - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"
    app.session_state["at"] = app.query_params["at"]
    app.run()
    assert "Robust z of liquidations is missing for all 1" in text(app)


def test_open_interest_in_coins_is_a_column_with_its_change(app, record):
    """The price alone does not move it."""
    record.snapshot(BTC, at=record.noon - timedelta(minutes=5), **{**WHOLE, "oi_base": 80_000.0})
    record.snapshot(BTC, **{**WHOLE, "oi_base": 93_120.0})
    record.publish()
    app.query_params["columns"] = ["Open interest, coins", "OI Δ coins"]

    app.run()

    (row,) = written(app).to_dict("records")
    assert row["oi_base"] == "93.12K"
    assert row["oi_base_delta_pct"] == "+16.40 %"


def test_a_card_says_how_much_of_the_oi_change_was_contracts(app, record):
    """10,000 coins at $100,000, then 12,000 at $110,000; another pair's coins are not known."""
    then, now = record.noon - timedelta(minutes=5), record.noon
    record.snapshot(BTC, at=then, **{**WHOLE, "oi_usd": 1e9, "oi_base": 10_000.0})
    record.snapshot(BTC, at=now, **{**WHOLE, "oi_usd": 1.32e9, "oi_base": 12_000.0})
    for at, oi in ((then, 3e9), (now, 4e9)):
        record.snapshot(ETH, at=at, **{**WHOLE, "oi_usd": oi})
    record.publish()
    app.query_params["columns"] = ["OI by price", "OI by contracts"]

    app.run()

    beside = "contracts, +$110.00M price, in 5 min, 1 of 2 pairs"
    assert card(app, "OI change") == ("+$320.00M", "+$210.00M", beside)
    told = written(app).set_index("pair")[["oi_price_usd", "oi_contracts_usd"]]
    assert told.loc["BTC/USDT Binance"].tolist() == ["+$110.00M", "+$210.00M"]
    assert told.loc["ETH/USDT Binance"].tolist() == ["–", "–"]
    assert (
        "Open interest, coins and the split of its change are missing for ETH/USDT on Binance: "
        "only their USD value is published."
    ) in text(app)


def test_coins_that_are_known_now_alone_make_no_split(app, record):
    """The card is a dash, and a sentence says why."""
    then = record.noon - timedelta(minutes=5)
    record.snapshot(BTC, at=then, **WHOLE)
    record.snapshot(BTC, **{**WHOLE, "oi_usd": 7e9, "oi_base": 12_000.0})
    record.publish()

    app.run()

    assert cards(app)["OI change"] == "–"
    assert (
        "Split of OI change by price and contracts is missing for the only pair: "
        "no open interest in coins 5m ago."
    ) in text(app)


def test_chosen_pairs_are_all_that_counts(app, record):
    """Cards, their past and the table are of the same pairs."""
    for minutes, oi in ((9, 5e9), (4, 6e9)):
        record.bar(BTC, ended=record.noon - timedelta(minutes=minutes), oi_usd=oi)
        record.bar(ETH, ended=record.noon - timedelta(minutes=minutes), oi_usd=1e9)
    record.snapshot(BTC, **WHOLE)
    record.snapshot(ETH, **WHOLE)
    record.publish()
    app.query_params["pairs"] = ["ETH/USDT"]

    app.run()

    assert rows(app) == ["ETH/USDT Binance"]
    assert curve(app, 1) == [50, 50]


def test_rows_stay_where_they_are(app, record):
    """At a refresh no row jumps, though another pair is now the largest."""
    two_venues(record)
    record.publish()
    app.run()
    later = record.noon + timedelta(minutes=1)
    record.rows.clear()
    record.snapshot(BTC, venue="okx", at=later, **{**WHOLE, "oi_usd": 60e9})
    record.snapshot(BTC, at=later, **WHOLE)
    record.publish()

    app.run()

    assert rows(app) == ["BTC/USDT Binance", "BTC/USDT OKX"]
    assert app.dataframe[0].value["oi_usd"].tolist() == [6e9, 60e9]


def test_two_thousand_pairs_are_a_part_and_a_sentence(app, record):
    """Each row goes to the browser at every refresh; the largest go first."""
    for nth in range(2000):
        record.snapshot(f"C{nth:04}/USDT:USDT", **{**WHOLE, "oi_usd": 1e6 + nth})
    record.publish()

    app.run()

    assert not app.exception
    assert len(app.dataframe[0].value) == 600
    assert app.dataframe[0].value["pair"].iloc[0] == "C1999/USDT Binance"
    assert "Showing the 600 of 2,000 pairs" in text(app)
    assert cards(app)["Open interest"] == "$2.00B"


def test_a_delisted_pair_in_a_link_is_a_sentence(app, record):
    """The link outlives the pair."""
    two_venues(record)
    record.publish()
    app.query_params["pairs"] = ["LUNA/USDT"]

    app.run()

    assert not app.exception
    assert "Unknown pairs: LUNA/USDT." in text(app)
    assert len(app.dataframe[0].value) == 2


def test_a_venue_without_the_chosen_pair_says_so(app, record):
    """An empty table would look like a fault."""
    two_venues(record)
    record.snapshot(ETH, **WHOLE)
    record.publish()
    app.query_params["pairs"] = ["ETH/USDT"]
    app.query_params["venues"] = ["okx"]

    app.run()

    assert not app.exception
    assert "No data for the selected pairs and venues in the 10 min before" in text(app)
