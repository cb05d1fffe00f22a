"""Alerts: what fires, waits and fired, as of any time; and what everybody is told of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from analytics.exports.csv import csv_bytes
from analytics.lake.records import AlertAction, AlertDelivery, AlertEvent
from analytics.rules.status import Status
from dashboard.alerts import alert_exports

BTC = "BTC/USDT:USDT"


def episode(record, coin="BTC", *, rule="Crowded longs", ago=30, waits=5, lasts=None, **values):
    """Record an episode whose condition came true *ago* minutes before noon's cycle."""
    started = record.noon - timedelta(minutes=ago)
    fired = None if waits is None else started + timedelta(minutes=waits)
    key = {
        "rule": rule,
        "version": "1",
        "subject": f"binance {coin}/USDT:USDT",
        "started_ts": started,
        "per": "pair",
        "venue": "binance",
        "symbol": f"{coin}/USDT:USDT",
        "base": coin,
        "timeframe": "5m",
        "severity": "warning",
        "alert_group": "crowd",
        "condition": "((ls_accounts > 2) AND (abs(book_imbalance_pct) > 3))",
        "message": f"{coin}: crowd long",
        "seen_values": json.dumps({"ls_accounts": 2.31, "book_imbalance_pct": -4.2}),
        "seen_ages_s": json.dumps({"ls_accounts": 130.0, "book_imbalance_pct": 4.0}),
        "channels": "[]",
        **values,
    }
    if waits != 0:
        record.rows.append(AlertEvent(**key, change="pending", ts=started))
    if fired is not None:
        record.rows.append(AlertEvent(**key, change="firing", ts=fired))
    if lasts is not None:
        over = fired + timedelta(minutes=lasts)
        record.rows.append(AlertEvent(**key, change="resolved", ts=over))
    return key


def act(record, kind, ago, **what):
    at = record.noon - timedelta(minutes=ago)
    record.rows.append(AlertAction(id=f"{kind} {ago}", ts=at, kind=kind, **what))


@pytest.fixture
def market(record):
    record.snapshot(BTC, price=110.0, oi_usd=6e9)
    record.cycle()
    return record


def tables(page):
    """Return time and subject of each row of the page's tables of alerts, from top to bottom."""
    drawn = [one.value for one in page.dataframe if "about" in one.value]
    return [
        list(zip(table["at"].dt.strftime("%H:%M"), table["about"], strict=True)) for table in drawn
    ]


def ask(page, **state):
    """Set fields of the *page*, by their keys in the URL."""
    for name, value in state.items():
        page.session_state[name] = value
    page.run()
    assert not page.exception
    return page


def captions(page):
    return "\n".join(one.value for one in page.caption).replace("\\", "")


def test_the_page_shows_what_was_so_at_its_time(opened, market):
    """Firing, pending and resolved are those of the time asked for, not of the record's end."""
    episode(market, "BTC", ago=30, waits=5, lasts=15)
    episode(market, "ETH", ago=2, waits=None)
    act(market, "silence", 20, rule="Crowded longs", until_ts=market.noon + timedelta(hours=1))

    page = opened("app_pages/alerts.py")
    assert tables(page) == [[("12:42", "ETH Binance")], [("12:19", "BTC Binance")]]
    assert "No alert fires." in captions(page)

    ask(page, at="2025-10-22T12:20:00Z")
    assert tables(page) == [[("12:19", "BTC Binance")]] * 2
    assert "1 alert: 1 warning" in captions(page)
    assert "silenced" not in captions(page)


def test_the_gravest_that_nobody_attends_to_stands_first(opened, market):
    done = episode(market, "BTC", severity="critical")
    episode(market, "ETH")
    episode(market, "SOL", severity="critical")
    named = {name: done[name] for name in ("rule", "subject", "started_ts")}
    act(market, "acknowledge", 10, **named)

    page = opened("app_pages/alerts.py")

    assert [about for _, about in tables(page)[0]] == ["SOL Binance", "ETH Binance", "BTC Binance"]
    assert "3 alerts: 2 critical, 1 warning; 1 acknowledged" in captions(page)


def test_the_history_is_filtered_by_its_address(opened, market):
    episode(market, "BTC", ago=300, lasts=10)
    episode(market, "ETH", ago=200, lasts=10, severity="info")
    episode(market, "SOL", rule="Flush", ago=3000, lasts=10)

    page = opened("app_pages/alerts.py", alert_span="7 d", alert_severity="warning")

    def found(**asked):
        return [about for _, about in tables(ask(page, **asked))[0]]

    assert found() == ["BTC Binance", "SOL Binance"]
    assert found(alert_rule=["Flush"]) == ["SOL Binance"]
    assert found(alert_rule=[], alert_subject="btc bin") == ["BTC Binance"]
    assert found(alert_severity=[], alert_subject="") == [
        "ETH Binance",
        "BTC Binance",
        "SOL Binance",
    ]
    assert found(alert_span="24 h") == ["ETH Binance", "BTC Binance"]


def test_a_press_opens_the_alert_or_its_pair_at_that_time(opened, market):
    """The pair's dialog is of the time of the alert, while the page stays where it is."""
    market.snapshot(BTC, at=market.noon - timedelta(minutes=26), price=108.0, oi_usd=6e9)
    key = episode(market, "BTC", ago=30, waits=5)
    page = opened("app_pages/alerts.py")
    row = page.session_state["alerts_firing_rows"][0][3]

    page.session_state["opened_alert"] = row["episode"]
    page.run()
    assert not page.exception
    said = " ".join(one.value for one in page.markdown).replace("\\", "")
    assert "■■ **BTC Binance**: BTC: crowd long" in said
    assert "12:14 UTC condition true." in captions(page)
    assert "12:19 UTC fired." in captions(page)
    assert any(one.value == key["condition"] for one in page.code)
    (seen,) = (one.value for one in page.dataframe if "Age" in one.value)
    assert seen.to_numpy().tolist() == [
        ["Long/short 2.31 (> 2)", "2 min"],
        ["Book imbalance -4.20 % (> 3)", "4 s"],
    ]

    page.session_state["opened_pair"] = (row["venue"], row["symbol"], row["at"])
    del page.session_state["opened_alert"]
    page.run()
    (link,) = (one.proto for one in page.get("page_link") if one.proto.label == "Open in Market")
    assert "at=2025-10-22T12%3A19%3A00Z" in link.query_string


def test_the_history_is_exported_as_it_is_filtered(opened, market):
    episode(market, "BTC", lasts=10)
    page = opened("app_pages/alerts.py")
    assert not page.exception

    from dashboard.loaders import alert_episodes, shown_moment

    rows = alert_episodes.episodes(shown_moment.moment(), timedelta(days=1))
    text = csv_bytes(alert_exports.tables(rows, rows)["History"]()).decode()
    assert "Crowded longs,1,warning,crowd,pair,binance" in text
    assert "2025-10-22" in text


def told(page):
    """Return what the browser is told, and what stands at the bell."""
    news = next(
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name == "perpscope_news"
    )
    links = [one.proto.label for one in page.get("page_link")]
    return news, links[0]


def test_every_page_is_told_once_and_by_group(opened, market):
    """A crash is one line with all its pairs; what is silenced, acknowledged or mild is none."""
    for coin in ("BTC", "ETH", "SOL", "XRP"):
        episode(market, coin, rule="Flush", alert_group="crash", severity="critical", ago=9)
    episode(market, "BTC", ago=12)
    episode(market, "DOGE", rule="z", severity="info", alert_group="oi", ago=8)
    done = episode(market, "SOL", rule="Seen", alert_group="seen", ago=9)
    act(market, "acknowledge", 1, **{n: done[n] for n in ("rule", "subject", "started_ts")})
    episode(market, "ADA", rule="Noise", alert_group="noise", ago=9)
    act(market, "silence", 1, rule="Noise", until_ts=market.noon + timedelta(hours=1))

    page = opened("app_pages/health.py")
    news, bell = told(page)
    assert [line["text"] for line in news["lines"]] == [
        "■■■ crash: 4 pairs, BTC Binance, ETH Binance and 2 more · 12:40 UTC",
        "■■ BTC Binance: BTC: crowd long · 12:37 UTC",
    ]
    assert [line["stays"] for line in news["lines"]] == [True, False]
    assert news["lines"][1]["path"] == "/market"
    assert news["lines"][1]["asks"] == {
        **{"venue": "binance", "symbol": BTC, "at": "2025-10-22T12:37:00Z"}
    }
    assert bell == "6"

    # Somebody who has been away for years is asked for no other time than that.
    page.session_state["alert_news"] = {"seen": 1}
    page.run()
    assert told(page)[0]["since"] == 1
    assert len(told(page)[0]["lines"]) == 2
    page.session_state["alert_news"] = {"seen": news["newest"]}
    page.run()
    assert told(page)[0]["lines"] == []


def test_two_thousand_firings_are_few_bytes(opened, market):
    """Every page refreshes with them."""
    for n in range(2000):
        episode(market, f"C{n}", alert_group=f"group {n % 9}", ago=9, waits=0)

    news, bell = told(opened("app_pages/health.py"))

    assert bell == "2,000"
    assert len(news["lines"]) == 7
    assert news["lines"][-1]["text"] == "666 alerts in 3 more groups"
    assert len(json.dumps(news)) < 2_500


def test_own_thresholds_toast_what_passes_them_and_nothing_else(opened, record):
    """What was beyond before is no news, and what comes back at once is told once."""

    def cycle(minute, ratio):
        at = record.noon + timedelta(minutes=minute)
        record.rows = []
        record.snapshot(BTC, at=at, price=110.0, oi_usd=6e9, ls_accounts=ratio, ls_ts=at)
        record.snapshot("ETH/USDT:USDT", at=at, price=9.0, oi_usd=1e9, ls_accounts=8.0, ls_ts=at)
        record.cycle(at=at)
        record.publish()

    cycle(0, 1.0)
    page = opened("app_pages/health.py", publish=False, ls="3")
    ask(page, own_alerts=True)
    assert told(page)[0]["own"] == []
    cycle(1, 3.2)
    page.run()
    (line,) = told(page)[0]["own"]
    assert line["text"] == "Long/short beyond 3.00: BTC Binance · 12:45 UTC"
    page.run()
    assert told(page)[0]["own"] == []
    for minute, ratio in ((2, 2.9), (3, 3.1)):
        cycle(minute, ratio)
        page.run()
        assert told(page)[0]["own"] == []


RULES = """\
# Mine.

[[rule]]
name = "Crowded"
when = "ls_accounts > 2"
for = "5m"

# The other one.

[[rule]]
name = "Dear"
when = "price > 50"
severity = "critical"
"""


def button(page, label):
    (found,) = (one for one in page.button if one.label == label)
    return found


def test_a_person_acknowledges_and_silences_through_the_collector(opened, market, collector):
    for coin in ("BTC", "ETH"):
        episode(market, coin, ago=10)
    page = opened("app_pages/alerts.py", alert_span="24 h")
    assert button(page, "Acknowledge all 2").disabled
    assert button(page, "Acknowledge all 2").help == "Editing needs the edit token."

    ask(page, edit_token="sixteen letters!")
    assert button(page, "Acknowledge all 2").help == (
        "No collector is running: nothing can be changed."
    )

    with collector():
        page.run()
        button(page, "Acknowledge all 2").click().run()
        assert not page.exception
        assert "2 alerts: 2 warning; 2 acknowledged" in captions(page)
        assert told(page)[1] == "No alerts"

        ask(page, silence_all_what="Everything (mute)", silence_all_reason="Fed day")
        button(page, "Silence").click().run()
        said = " ".join(one.value for one in page.markdown).replace("\\", "")
        assert "Everything is muted, until" in said
        assert "UTC: Fed day" in said
        button(page, "End").click().run()
        said = " ".join(one.value for one in page.markdown)
        assert "Everything is muted" not in said

        ask(page, edit_token="wrong")
        assert button(page, "Acknowledge all").help == "The edit token is wrong."

    ask(page, edit_token="sixteen letters!", at="2025-10-22T12:42:00Z")
    assert button(page, "Acknowledge all 2").help == (
        "This page shows a past time. Go back to now to act."
    )


def test_a_fault_in_the_rules_and_a_failing_channel_are_said(opened, market):
    fault = Status(rules=3, fault="line 4: when: character 1: no value is called 'z_io'")
    market.rows.append(
        AlertDelivery(
            channel="phone",
            rule="z",
            version="1",
            subject="BTC",
            started_ts=market.noon - timedelta(minutes=9),
            change="firing",
            attempt=1,
            ts=market.noon - timedelta(minutes=8),
            outcome="failed",
            error="connection refused",
        )
    )
    unusable = "its address is incomplete or wrong for tgram://"
    set_up = {
        "desk": {"service": "Discord", "fault": None},
        "group": {"service": None, "fault": unusable},
    }
    market.publish(alert_status=fault.as_json(), alert_channels=json.dumps(set_up))

    page = opened("app_pages/alerts.py", publish=False)

    (said,) = (one.value for one in page.warning if "line 4" in one.value)
    assert "no value is called 'z_io'. The previous rules stay in force." in said.replace("\\", "")
    (table,) = (one.value for one in page.dataframe if "error" in one.value)
    assert table[["channel", "state"]].to_numpy().tolist() == [
        ["desk", "not used yet"],
        ["group", "cannot be used"],
        ["phone", "failing for 8 min"],
    ]
    assert table["service"].tolist() == ["Discord", "–", "–"]
    assert table["error"].tolist() == ["–", unusable, "connection refused"]


def test_market_and_heatmap_mark_where_an_alert_fired(opened, market):
    """In the bar that ran then, with the message; alerts of other pairs are not Market's."""
    for coin, price in (("BTC", 110.0), ("ETH", 9.0)):
        symbol = f"{coin}/USDT:USDT"
        for back in range(40):
            ended = market.noon - timedelta(minutes=4 + 5 * back)
            known = {"close": price + back % 3, "open": price, "oi_usd": 6e9 + 1e7 * (back % 5)}
            market.bar(symbol, ended=ended, high=price + 4, low=price - 1, **known)
        market.instrument(symbol)
    market.snapshot("ETH/USDT:USDT", price=9.0, oi_usd=6e9)
    episode(market, "BTC", ago=30, waits=5, lasts=10)
    episode(market, "ETH", ago=50, waits=5)

    page = opened("app_pages/market.py", venue="binance", symbol=BTC, panes="all")
    parts = page.session_state["market_chart_sent"][1].parts
    first = page.session_state["market_chart_sent"][1].first
    (mark,) = (one for one in parts["marks"] if one["shape"] == "square")
    assert first + 300 * mark["bar"] == (market.noon - timedelta(minutes=29)).timestamp()
    assert mark["text"] == "■■ Crowded longs, BTC Binance: BTC: crowd long"
    assert parts["titles"]["Signals"]["value"].endswith("1 alert")
    assert "1 alert of rules fired, drawn as squares." in captions(page)

    page = opened("app_pages/heatmap.py", publish=False)
    figure = json.loads(page.get("plotly_chart")[0].proto.spec)
    (frames,) = (one for one in figure["data"] if one.get("name") == "alerts")
    assert frames["y"] == ["BTC", "ETH"]
    texts = [cell for row in figure["data"][0]["customdata"] for cell in row if cell]
    assert texts == ["<br>■■ BTC Binance: BTC: crowd long", "<br>■■ ETH Binance: ETH: crowd long"]
    assert "Alerts fired in 2 cells, framed" in captions(page)


def test_fields_and_text_of_a_rule_say_the_same(opened, market):
    """A field writes its key and nothing else; what is wrong in it is said as of the text."""
    table = (
        '[[rule]]\n# Why.\nname = "Dear"\nwhen = "price > 50"\nvenues = ["okx", "bybit"]\ntop = 9'
    )
    market.folder.mkdir(parents=True)
    market.publish(alert_rules=table + "\n")
    page = opened("app_pages/alerts.py", publish=False)
    ask(page, edit_rules=True)
    keys = ("name", "venues")
    said = [page.text_input(key=f"rule_field_{key}").value for key in keys]
    assert said == ["Dear", "okx, bybit"]
    assert page.text_area(key="rule_field_when").value == "price > 50"
    assert page.number_input(key="rule_field_top").value == 9

    page.text_input(key="rule_field_for").set_value("5m").run()
    page.selectbox(key="rule_insert_when").select("oi_delta_pct_1h").run()
    assert "oi_delta_pct_1h" in page.text_area(key="rule_field_when").value
    assert page.error
    page.text_area(key="rule_field_when").set_value("price > 50 and oi_delta_pct_1h > 1").run()
    page.selectbox(key="rule_field_per").select("asset").run()
    assert not page.error
    assert "Only venues" not in [one.label for one in page.text_input]

    page.segmented_control(key="edited_view").set_value("Text").run()
    written = table.replace("50", "50 and oi_delta_pct_1h > 1").replace(
        'venues = ["okx", "bybit"]\n', ""
    )
    assert page.text_area(key="edited_text").value == f'{written}\nfor = "5m"\nper = "asset"'
    page.text_area(key="edited_text").set_value(written.replace("Dear", "Cheap")).run()
    page.segmented_control(key="edited_view").set_value("Form").run()
    assert page.text_input(key="rule_field_name").value == "Cheap"
    assert page.text_input(key="rule_field_for").value == ""
    ask(page, edited_text="[[rule]\nname")
    assert "This is not one [[rule]] table. Correct it as text." in page.info[0].value
    assert not page.exception


def test_a_rule_is_checked_looked_back_on_and_saved_by_the_collector(opened, market, collector):
    """Nothing is written before; what is wrong is named with its line, and other rules stay."""
    for back in range(30):
        ended = market.noon - timedelta(minutes=4 + 5 * back)
        market.bar(BTC, ended=ended, close=40.0 if back % 10 else 60.0, oi_usd=6e9)
    market.instrument(BTC)
    episode(market, "BTC", rule="Crowded", ago=2, waits=None)
    market.folder.mkdir(parents=True)
    file = market.folder / "alerts.toml"
    file.write_text(RULES)
    market.publish(alert_rules=RULES)
    page = opened(
        "app_pages/alerts.py", publish=False, edit_token="sixteen letters!", alert_span="7 d"
    )
    ask(page, edit_token="sixteen letters!")
    (waiting,) = (one.value for one in page.dataframe if "left" in one.value)
    assert waiting["left"].tolist() == ["fires in 3 min"]
    (listed,) = (one.value for one in page.dataframe if "when" in one.value)
    assert listed[["name", "waits"]].to_numpy().tolist() == [
        ["Crowded", "5 min"],
        ["Dear", "at once"],
    ]

    ask(page, edit_rules=True, edited_rule="Dear")
    assert "It would have fired 3 times in the last 7 days, for 1 subject" in captions(page)
    ask(page, edited_text='[[rule]]\nname = "Dear"\nwhen = "prize > 70"')
    (said,) = (one.value.replace("\\", "") for one in page.error)
    assert said == "Line 3: when: character 1: no value is called 'prize'; did you mean price?"
    assert button(page, "Save").disabled
    ask(page, edited_text='[[rule]]\nname = "Crowded"\nwhen = "price > 70"')
    assert "two rules are called 'Crowded'" in page.error[0].value.replace("\\", "")
    ask(page, edited_text='[[rule]]\nname = "Dear"\nwhen = "price > 70"')
    assert "It would not have fired in the last 7 days." in captions(page)
    assert file.read_text() == RULES

    with collector():
        page.run()
        button(page, "Save").click().run()
        assert not page.exception
        saved = RULES.replace('price > 50"\nseverity = "critical"', 'price > 70"')
        assert file.read_text() == saved
        page.selectbox(key="edited_rule").select("Crowded").run()
        file.write_text(saved + "# Edited elsewhere.\n")
        button(page, "Delete").click().run()
        assert "changed since this edit began" in page.error[0].value
        assert file.read_text().startswith(saved)
        button(page, "Start over").click().run()
        page.selectbox(key="edited_rule").select("Crowded").run()
        button(page, "Delete").click().run()
        assert not page.exception
        assert '"Crowded"' not in file.read_text()
        assert file.read_text().endswith("# Edited elsewhere.\n")
