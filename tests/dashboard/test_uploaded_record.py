"""Which record a session looks at: never another session's, and what an uploaded one cannot do."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analytics.lake.reader import Reader
from dashboard.loaders import queries, read_ahead, shown_moment, source
from dashboard.loaders.source import settings
from dashboard.state import record as shown_record
from dashboard.state import uploads
from dashboard.studio import build
from tests.dashboard.conftest import MAIN, Record
from tests.waiting import HANG_S, until

BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"
RECORDING = "futuresboard_2025-10-20_22.sqlite"
RULE = """[[rule]]
name = "High"
when = "price > 55"
"""


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
    opened.is_ready, opened.sha256 = True, "0" * 64
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


def test_the_collector_imports_a_record_when_it_is_asked(app, upload, collector, record):
    """Without one, or for somebody who may not, the page says so."""
    shown = page("studio", record=upload.token)
    assert "Editing needs the edit token." in said(shown)
    shown.text_input(key="edit_token").set_value("sixteen letters!").run()
    assert "No collector is running: nothing can be changed." in said(shown)
    button = f"import_now_{upload.token}"
    assert shown.button(key=button).disabled
    with collector():
        shown.run()
        shown.button(key=button).click().run()
        assert not shown.exception
        assert "Import 1: 1 snapshot, 41 bars" in said(shown)
        shown.button(key=button).click().run()
        assert "Nothing was new" in said(shown)
    with Reader(record.folder).cursor() as cursor:
        found = cursor.execute("select distinct base from bars").fetchall()
    assert found == [("SOL",)]


def test_an_uploaded_record_is_read_ahead_as_that_record(app, upload, monkeypatch):
    """The thread that reads ahead has no session: it reads the record that the page shows."""
    at = Record.noon - timedelta(days=2, minutes=30)
    session = page("overview", record=upload.token, at=f"{at:%Y-%m-%dT%H:%MZ}")
    assert bases(session) == {"SOL"}
    found = []

    def load(shown):
        found.append((source.folder(), set(queries.pairs(shown)["base"])))

    with shown_record.looking_at(upload.token):
        shown = shown_moment.moment(at)
    monkeypatch.setattr(shown_record, "token", lambda: upload.token)
    later = [at + timedelta(minutes=5), at + timedelta(minutes=10)]
    read_ahead.read_ahead([(load, (shown,), {})], shown, lambda: later).result()
    monkeypatch.undo()
    assert found == 2 * [(upload.lake, {"SOL"})]
    assert not shown_record.token()


def test_closing_a_record_deletes_it_and_goes_back_to_live(app, upload):
    shown = page("studio", record=upload.token)
    shown.button(key=f"close_{upload.token}").click().run()
    assert not upload.home.exists()
    assert "Uploaded record:" not in said(shown)
    assert "No uploaded record is open here." in said(shown)


def test_rules_of_an_uploaded_record_are_its_own(app, upload, record):
    """They are looked back on when they are saved, and nothing of the live record changes."""
    before = sorted(record.folder.glob("*"))
    shown = page("alerts", record=upload.token)
    for key, value in (("edit_rules", True), ("edited_text", RULE)):
        shown.session_state[key] = value
        shown.run()
    shown.button(key="save_rule").click().run()
    assert not shown.exception
    with upload.reader.cursor() as cursor:
        found = cursor.execute("select count(*) from alert_events").fetchall()
    assert found[0][0] > 0
    assert sorted(record.folder.glob("*")) == before


def test_what_is_too_large_is_refused_and_studio_can_be_switched_off(app, record, monkeypatch):
    """A large file is opened by its path; nothing of a refused one is kept."""
    record.publish()
    (record.folder / "studio").mkdir()
    (record.folder / "studio" / "large.csv").write_bytes(b"x" * 2_000_000)
    for limit, words in (
        ("1", "these files have 2 MB, more than the 1 MB of PERPSCOPE_STUDIO_MAX_MB"),
        ("0", "Studio is switched off here (PERPSCOPE_STUDIO_MAX_MB=0)."),
    ):
        monkeypatch.setenv("PERPSCOPE_STUDIO_MAX_MB", limit)
        settings.cache_clear()
        shown = page("studio")
        if limit != "0":
            shown.multiselect(key="studio_inbox").set_value(["large.csv"]).run()
            next(one for one in shown.button if one.label == "Read").click().run()
        assert words in said(shown)
    assert not (record.folder / "uploads").exists()


def test_a_real_recording_is_opened_from_the_inbox(app, record, recordings):
    """Its time zone is asked for; then a past time shows what was known, and rules find alerts."""
    record.publish()
    (record.folder / "studio").mkdir()
    (record.folder / "alerts.toml").write_text(RULE.replace("price > 55", "abs(oi_delta_pct) > 2"))
    shutil.copy(recordings / "series" / RECORDING, record.folder / "studio")
    shown = page("studio")
    shown.multiselect(key="studio_inbox").set_value([RECORDING]).run()
    next(one for one in shown.button if one.label == "Read").click().run()
    assert shown.button(key="studio_open").disabled
    shown.selectbox(key="studio_question_0/zone").set_value("UTC").run()
    shown.button(key="studio_open").click().run()
    (upload,) = uploads.SERVER._open.values()
    until(lambda: build.of(upload).is_over, "the record")
    assert build.of(upload).alerts == 33

    past = said(page("overview", record=upload.token, at="2025-10-22 11:15"))
    assert "Showing the market as known at 2025-10-22 11:15 UTC" in past
    fired = page("alerts", record=upload.token)
    assert [len(one.value) for one in fired.dataframe if "about" in one.value][0] == 4
    uploads.SERVER.close_all()


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
