"""The report of a replayed range: what is in it, and that nothing later is."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import openpyxl
import pandas as pd
import pyarrow as pa
import pypdf
import pytest

from analytics.errors import QueryError
from analytics.exports.charts import BarChart
from analytics.exports.exported_table import Column, Section
from analytics.exports.pdf import pdf_bytes
from analytics.lake import schema
from analytics.lake.reader import Reader
from analytics.lake.records import AlertEvent, Gap
from analytics.lake.writer import Lake
from analytics.reports.range_parts import parts
from analytics.reports.range_request import PARTS, Asked
from analytics.reports.range_workbook import workbook
from tests.analytics.rules import small_lake as small

END = small.END - timedelta(hours=1)
START = END - timedelta(hours=2)
BTC = ("okx", "BTC/USDT:USDT")
SHIFT = timedelta(minutes=7)


def plain(rows):
    return [
        {k: v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for k, v in row.items()}
        for row in rows
    ]


def fired(at, subject="PEPE"):
    words = {"rule": "Jump", "version": "1", "subject": subject, "base": subject, "per": "asset"}
    more = {"timeframe": "5m", "severity": "warning", "alert_group": "x", "condition": "z_oi > 2"}
    seen = {"seen_values": "{}", "seen_ages_s": "{}", "channels": "[]"}
    said = {"message": f"{subject} jumped", "started_ts": at, "ts": at, "change": "firing"}
    return AlertEvent(**words, **more, **seen, **said)


def hole(at):
    told = {"reason": "closed", "outcome": "partly", "repaired_rows": 3}
    where = {"venue": "okx", "channel": "trades", "symbol": "SOL/USDT:USDT"}
    return Gap(**where, **told, started_ts=at, ended_ts=at + timedelta(minutes=3))


@pytest.fixture(scope="module")
def cursor(tmp_path_factory):
    """Nine days of bars; a gap and an alert within the range, and one of each after it."""
    place = tmp_path_factory.mktemp("lake")
    bars, snapshots = small.bars_and_snapshots(40)
    with Lake(place, origin="simulator") as lake:
        for table, rows in (("bars", bars), ("snapshots", snapshots), ("cycles", small.cycles())):
            lake.append((table, schema.conform(table, pa.Table.from_pylist(plain(rows)))))
        lake.append_records([hole(START + SHIFT), hole(END + SHIFT)])
        lake.append_records([fired(END - SHIFT), fired(END + SHIFT, "SOL")])
        lake.publish()
    reader = Reader(place)
    with reader.cursor() as cursor:
        yield cursor
    reader.close()


def asked(**other):
    given = {"start": START, "end": END, "known_by": END, "cycle": small.MINUTE, "parts": PARTS}
    return Asked(**{**given, "pairs": (BTC, ("binance", "PEPE/USDT:USDT")), **other})


TRADES = Section("Trades", pd.DataFrame({"reason": ["stop hit"]}), (Column("reason", "Reason"),))


def test_every_page_is_there_with_charts_as_lines(cursor):
    made = parts(cursor, asked(), [TRADES])
    file = pypdf.PdfReader(io.BytesIO(pdf_bytes(*made)))
    pages = [page.extract_text() for page in file.pages]
    titles = ["Replay of 2025-03-01 09:00 UTC to 2025-03-01 11:00 UTC", *PARTS, "Simulated trades"]
    assert [part.title for part in made] == titles
    # Every page has the title of its part on top; a part begins on a page of its own.
    heads = [re.split(r"\s+·", text)[0].split("perpscope")[-1].strip() for text in pages]
    assert [*dict.fromkeys(heads)] == titles
    assert not any(page.images for page in file.pages)
    cover = pages[0]
    assert "SIMULATED MARKET" in cover
    assert "recorded from a simulated market" in cover
    assert "BTC/USDT on OKX and PEPE/USDT on Binance" in cover
    assert "trades, SOL/USDT" in cover
    assert cover.count("partly") == 1
    whole = "\n".join(pages)
    for said in ("PEPE jumped", "stop hit", "Open interest, PEPE/USDT on Binance", "Price change"):
        assert said in whole
    assert "SOL jumped" not in whole
    charts = {part.title: [chart.title for chart in part.charts] for part in made}
    assert len(charts["Market"]) == 16
    assert charts["Correlation"] == ["Correlation"]
    assert len(charts["Heatmap"]) == 2


def test_a_page_that_is_not_chosen_is_left_out_and_absent_data_is_said(cursor):
    of_nobody = ("bybit", "BTC/USDT:USDT")
    cover, market = parts(cursor, asked(parts=("Market",), pairs=(of_nobody,)))
    assert cover.state["Pages"] == "Market"
    assert market.notes == ("BTC/USDT on Bybit: no bar in the range.",)
    (_, few) = parts(
        cursor, asked(parts=("Correlation",), start=END - timedelta(minutes=30), pairs=())
    )
    assert few.notes == ("7 bars of 5m are too few; 21 are needed.",)


def test_the_workbook_has_the_values_behind_the_charts_and_nothing_later(cursor):
    content = workbook(parts(cursor, asked(), [TRADES]))
    book = openpyxl.load_workbook(io.BytesIO(content))
    names = {sheet.title for sheet in book}
    assert {"Gaps", "Pairs", "Venues", "Alerts", "Trades", "About", "Correlation"} <= names
    rows = [*book["BTC USDT on OKX"].iter_rows(values_only=True)]
    at = {name.partition(" [")[0]: n for n, name in enumerate(rows[0])}
    place = small.PAIRS.index(("okx", "BTC"))
    walk = small.walks(place)
    after = [row for row in rows[1:] if row[0].replace(tzinfo=small.END.tzinfo) >= END]
    assert (len(rows), after) == (1 + 24, [])
    newest = small.BARS - 1 - 12
    if not walk["missing"][newest]:
        assert rows[-1][at["Close"]] == pytest.approx(walk["close"][newest])
    assert [row[3] for row in book["Alerts"].iter_rows(values_only=True)][1:] == ["PEPE"]
    about = dict(row[:2] for row in book["About"].iter_rows(values_only=True))
    assert about["Range"] == "2025-03-01 09:00 UTC to 2025-03-01 11:00 UTC"
    assert about["Source"] == "recorded from a simulated market"


def test_a_chart_without_a_value_is_a_sentence(tmp_path):
    """One bar in three is known, so that none has one before it to be compared with."""
    bars, _ = small.bars_and_snapshots(0)
    apart = [one for one in bars if one["ts"].minute % 15 == 0 and one["ts"] > START]
    with Lake(tmp_path, origin="live") as lake:
        for table, rows in (("bars", apart), ("cycles", small.cycles())):
            lake.append((table, schema.conform(table, pa.Table.from_pylist(plain(rows)))))
        lake.publish()
    reader = Reader(tmp_path)
    pages = ("Overview", "Heatmap", "Correlation")
    with reader.cursor() as cursor:
        _, overview, heatmap, correlation = parts(cursor, asked(parts=pages))
    reader.close()
    assert (heatmap.charts, correlation.charts) == ((), ())
    assert heatmap.notes[1:] == (
        "Price change per 5m: no value of any asset in the range.",
        "OI change per 5m: no value of any asset in the range.",
    )
    assert correlation.notes == ("No two assets have enough bars of 5m in common.",)
    assert not [one for one in overview.charts if isinstance(one, BarChart)]
    assert "Price change in the range: no pair is known at both ends." in overview.notes


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"start": END, "end": START}, "the end is not after the start"),
        ({"start": END - timedelta(minutes=5)}, "a range lasts from 15 min to"),
        ({"start": START - timedelta(days=99), "end": START - timedelta(days=98)}, "not on record"),
        ({"start": END + timedelta(days=2), "end": END + timedelta(days=3)}, "not on record"),
    ],
)
def test_a_range_that_is_none_gets_a_sentence(cursor, given, says):
    with pytest.raises(QueryError, match=says):
        parts(cursor, asked(**given))
