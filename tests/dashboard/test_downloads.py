"""The export menu: it offers files, and makes none before somebody asks."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analytics.exports import paper
from dashboard.frame.downloads import file_stem, plotly_config
from dashboard.state.as_of import Moment
from tests.waiting import HANG_S

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())


def moment(origin="live", second=5):
    now = datetime(2025, 10, 22, 12, 44, second, tzinfo=UTC)
    return Moment(now, "live", origin, timedelta(seconds=30), timedelta(0))


def page():
    """A page of two tables, which counts how often each is made."""
    from datetime import UTC, datetime, timedelta

    import pandas as pd
    import streamlit as st

    from analytics.exports.exported_table import Column, Section
    from dashboard.frame.downloads import export_menu
    from dashboard.state.as_of import Moment

    made = st.session_state.setdefault("made", [])

    def table(title):
        made.append(title)
        frame = pd.DataFrame({"pair": ["币安人生/USDT", "=1+1"], "oi_usd": [1.5, None]})
        columns = (Column("pair", "Pair"), Column("oi_usd", "Open interest", "usd"))
        return Section(title, frame, columns)

    tables = {"Pairs": lambda: table("Pairs"), "Movers": lambda: table("Movers")}
    now = datetime(2025, 10, 22, 12, 44, 5, tzinfo=UTC)
    shown = Moment(now, "live", "simulator", timedelta(seconds=30), timedelta(0))
    export_menu("Overview", shown, tables, report=lambda: made.append("report"))


@pytest.fixture
def app():
    return AppTest.from_function(page, default_timeout=HANG_S).run()


def labels(app):
    return [button.proto.label for button in app.get("download_button")]


def test_menu_offers_every_kind_of_file(app):
    """CSV of one table, a workbook of all, and the page as a report."""
    assert not app.exception
    assert labels(app) == ["CSV", "XLSX, all tables", "PDF report"]
    assert app.selectbox[0].options == ["Pairs", "Movers"]


def test_refresh_makes_nothing(app):
    """Two thousand rows every few seconds, for nobody, would slow every page."""
    for _ in range(3):
        app.run()

    assert app.session_state["made"] == []
    assert not app.code


def test_text_for_a_sheet_is_there_when_asked_for(app):
    """Of the chosen table, with absent left empty and the formula made safe."""
    app.selectbox[0].select("Movers").run()
    app.toggle[0].set_value(True).run()

    assert app.session_state["made"] == ["Movers"]
    text = app.code[0].value
    assert text.splitlines() == ["Pair\tOpen interest [USD]", "币安人生/USDT\t1.5", "'=1+1\t"]


def test_download_leaves_the_page_alone(app):
    """No rerun: a dialog stays open, and a zoom stays."""
    assert all(button.proto.ignore_rerun for button in app.get("download_button"))


@pytest.mark.parametrize(
    ("origin", "table", "stem"),
    [
        ("live", None, "perpscope_overview_20251022T124405Z"),
        ("live", "Top pairs", "perpscope_overview_top_pairs_20251022T124405Z"),
        ("live", "Overview", "perpscope_overview_20251022T124405Z"),
        ("simulator", None, "perpscope_simulated_overview_20251022T124405Z"),
        ("live", "../币安人生/USDT", "perpscope_overview_币安人生_usdt_20251022T124405Z"),
    ],
)
def test_file_name_says_what_when_and_whose_market(origin, table, stem):
    """A file is found again months later; and no name leads out of its folder."""
    assert file_stem("Overview", moment(origin), table) == stem


def test_chart_settings_do_not_change_with_the_time():
    """Plotly draws a chart anew whose settings changed, and forgets its zoom."""
    later = moment(second=35)

    assert plotly_config("Market BTC", moment()) == plotly_config("Market BTC", later)
    image = plotly_config("Market BTC", moment("simulator"))["toImageButtonOptions"]
    assert image == {"format": "png", "scale": 2, "filename": "perpscope_simulated_market_btc"}


def test_paper_has_the_colours_of_the_light_theme():
    """One place for colours: a report looks like the page it is of."""
    light = CONFIG["theme"]["light"]

    assert list(paper.LINES) == light["chartCategoricalColors"]
    assert (light["greenColor"], light["redColor"]) == (paper.UP, paper.DOWN)
    assert (light["textColor"], light["grayColor"]) == (paper.INK, paper.MUTED)
