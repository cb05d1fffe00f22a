"""Health: how each venue answers, and the state of the record."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dashboard import loaders

BTC = "BTC/USDT:USDT"


@pytest.fixture
def health(app):
    """The app, turned to the Health page."""

    def run():
        app.run()
        return app.switch_page("app_pages/health.py").run()

    return run


def test_shows_each_venues_newest_cycle(health, record):
    """Older cycles count into the hour only."""
    record.snapshot(BTC, price=1.0)
    record.cycle(at=record.noon - timedelta(seconds=30), answered=0, error="okx: timed out")
    record.cycle()
    record.cycle(venue="okx", asked=20, answered=19, error=None)
    record.publish()

    page = health()
    table = page.dataframe[0].value

    assert not page.exception
    assert table["venue"].tolist() == ["binance", "okx"]
    assert table["state"].tolist() == ["complete", "partial"]
    assert table["cycles_1h"].tolist() == [2, 1]
    assert table["errors_1h"].tolist() == [1, 0]
    assert table["answered_1h_pct"].tolist() == [50, 95]


def test_names_errors_and_refusals(health, record):
    """An error is a sentence, and a refusal says of what and why."""
    record.snapshot(BTC, price=1.0)
    record.cycle(refused=3, refused_reasons=json.dumps({"mark:sign": 2, "oi_usd:unit_jump": 1}))
    record.cycle(venue="okx", answered=0, error="451: this region is refused [for good]")
    record.publish()

    page = health()

    assert "451\\: this region is refused \\[for good\\]" in page.warning[1].value
    assert page.dataframe[0].value["state"].tolist() == ["complete", "error"]
    said = page.caption[0].value.replace("\\", "")
    assert said == "binance refused: mark (sign) 2 times and oi_usd (unit jump) 1 time."


def test_says_when_a_venue_fell_silent(health, record):
    """The other venue's cycles go on."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    record.cycle(venue="okx", at=record.noon - timedelta(minutes=2))
    record.publish()

    page = health()

    assert page.dataframe[0].value["state"].tolist() == ["complete", "silent"]


def test_an_imported_record_has_no_cycles(health, record):
    """An empty table would look like a fault."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    page = health()

    assert not page.exception
    assert "imported, not collected" in page.info[0].value


def test_shows_what_was_damaged(health, record):
    """What is lost is said, newest first."""
    record.snapshot(BTC, price=1.0)
    record.publish()
    folder = record.folder / "set-aside"
    folder.mkdir(exist_ok=True)
    note = {
        "set_aside_at": "2025-10-22T12:00:00",
        "what": "snapshots: 60 rows of x.parquet are lost",
    }
    (folder / "20251022T120000.json").write_text(json.dumps(note))

    page = health()

    assert "1 damaged file" in page.warning[1].value
    assert "60 rows of x" in page.caption[-1].value.replace("\\", "")


def test_a_file_that_a_merge_took_away_has_no_size(health, record):
    """It was there when the folder was read, and is gone when it is looked at."""
    record.snapshot(BTC, price=1.0)
    record.publish()
    before = loaders.disk_bytes(str(record.folder))
    loaders.disk_bytes.clear()
    (record.folder / "lake" / "gone.parquet").symlink_to("merged.parquet")

    page = health()

    assert not page.exception
    assert page.metric[-1].label == "On disk"
    assert loaders.disk_bytes(str(record.folder)) == before > 0


def test_counts_the_record(health, record):
    """Rows by table."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    page = health()

    assert [card.value for card in page.metric][:4] == ["1", "0", "0", "0"]
