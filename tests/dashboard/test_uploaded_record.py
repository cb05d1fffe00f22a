"""Which record a session looks at: never another session's, and what an uploaded one cannot do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import uploads
from tests.dashboard.conftest import MAIN, Record
from tests.waiting import HANG_S

BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"


@pytest.fixture
def upload(record, _made):
    """A record of SOL that is open beside the live one of BTC; no page has looked at it."""
    record.snapshot(BTC, price=100.0, oi_usd=1e9)
    record.cycle()
    record.publish()
    opened = uploads.SERVER.begin("sol_[x](y).sqlite", record.folder)
    made = Record(Path(opened.lake), _made)
    before = made.noon - timedelta(days=2)
    for nth in range(40):
        made.bar(SOL, ended=before - nth * timedelta(minutes=5), close=20.0 + nth, oi_usd=2e9)
    made.snapshot(SOL, price=20.0, oi_usd=2e9, at=before)
    made.publish(interval_s="300.0")
    opened.is_ready = True
    yield opened
    uploads.SERVER.close_all()


def page(name, **asked):
    shown = AppTest.from_file(str(MAIN), default_timeout=HANG_S)
    shown.switch_page(f"app_pages/{name}.py")
    for key, value in asked.items():
        shown.query_params[key] = value
    shown.run()
    assert not shown.exception
    return shown


def said(shown):
    kinds = ("title", "caption", "info", "warning", "error", "markdown", "metric", "header")
    parts = [part for kind in kinds for part in shown.get(kind)]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def bases(shown):
    return set(shown.dataframe[0].value["pair"])


def test_two_sessions_look_at_two_records(app, upload):
    """What one of them has loaded is never what the other is shown."""
    live, other = page("overview"), page("overview", record=upload.token)
    for _ in range(2):
        live.run()
        other.run()
        assert bases(live) == {"BTC"}
        assert bases(other) == {"SOL"}
    assert "Uploaded record" not in said(live)
    assert "Uploaded record: sol_[x](y).sqlite" in said(other)
    assert "shown at its end, 2025-10-20 12:44" in said(other)
    assert "No collector is running" not in said(other)

    other.switch_page("app_pages/exchanges.py").run()
    assert "Uploaded record" in said(other)

    other.button(key="leave_upload").click().run()
    assert "Uploaded record" not in said(other)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alerts", "This is an uploaded record. Go back to the live one to act."),
        ("monitor", "Monitored trades belong to the live record."),
        ("health", "No venues here: no collector has written this uploaded record."),
        ("wallboard", "Uploaded record"),
    ],
)
def test_what_an_uploaded_record_has_not_is_said(app, upload, name, words):
    assert words in said(page(name, record=upload.token))


def test_a_time_after_its_end_is_refused(app, upload):
    text = said(page("overview", record=upload.token, at="2025-10-22 12:00"))
    assert "2025-10-22 12:00 UTC is after the end of this record, 2025-10-20 12:44 UTC" in text


def test_a_record_that_is_not_open_is_explained(app, upload):
    shown = page("overview", record="no such record")
    assert bases(shown) == {"BTC"}
    assert shown.warning[0].value.startswith("It was closed")
    assert "record" not in shown.query_params

    shown = page("overview", record=upload.token)
    uploads.SERVER.close(upload.token)
    shown.run()
    assert bases(shown) == {"BTC"}
    assert not upload.home.exists()


def test_what_nobody_looks_at_is_deleted(record, tmp_path):
    now = [0.0]
    held = uploads.Uploads(lambda: now[0])
    kept, left = (held.begin(name, tmp_path / "data") for name in ("a", "b"))
    now[0] = uploads.IDLE_S - 1
    held.find(kept.token)
    now[0] += 2
    held.close_idle()
    assert [one.home.exists() for one in (kept, left)] == [True, False]
    assert held.find(left.token) is None

    # A server that starts leaves those of one that runs, and deletes those of one that was killed.
    uploads.delete_left_behind(tmp_path / "data")
    assert kept.home.exists()
    held.close_all()
    (tmp_path / "data" / "uploads" / "left" / "x").mkdir(parents=True)
    uploads.delete_left_behind(tmp_path / "data")
    assert list((tmp_path / "data" / "uploads").iterdir()) == []
