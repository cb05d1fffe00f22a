"""Simulated trades: the form, and once it was run what the trades come to, as known then."""

from __future__ import annotations

from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.exports.exported_table import Section
from analytics.palette import colors
from analytics.quantities import QUANTITIES
from analytics.trades.simulated import request
from analytics.trades.simulated.summary import Results
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.loaders import queries, shown_moment
from dashboard.loaders import simulations as simulated
from dashboard.loaders.simulations import Wanted
from dashboard.replay import simulated_tables
from dashboard.replay.simulated_charts import curve_chart, curve_points, luck_chart
from dashboard.replay.simulated_figures import cards, draw, luck, sentences
from dashboard.replay.simulated_form import form
from dashboard.replay.simulated_report import report
from dashboard.replay.walk_forward import walk_forward
from dashboard.state import as_of, view
from dashboard.state.as_of import Moment

RUN: Final = "simulate"
"""In the address: what is asked for there was run."""
_JOB: Final = "simulated_job"
_LAST: Final = "simulated_last"
_AT_ONCE_S: Final = 0.4
"""So long a run is waited for before the page says that it is under way. [s]"""
_POLL_S: Final = 0.7


class _Run(NamedTuple):
    """A simulation of a session."""

    wanted: Wanted
    shown: Moment
    job: Future[Results]


def simulated_trades() -> None:
    """Draw the section; to be called as a fragment of its own, which no refresh disturbs."""
    # What is wrong with the lake is said above.
    with suppress(PerpscopeError):
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        st.subheader("Simulated trades", anchor=False)
        names = queries.read("pair_names", shown)
        if not names["has_data"].any():
            st.caption("No pair has data at this time.")
            return
        wanted, is_pressed = form(names, seen)
        before: _Run | None = st.session_state.get(_JOB)
        if is_pressed or (before is None and RUN in st.query_params):
            st.query_params[RUN] = "1"
            ran = wanted
        else:
            ran = before and before.wanted
        if ran is None:
            st.caption(
                "A signal is known when its bar ends, and filled at the next bar's open. The range "
                "ends at the time of this page. Nothing is ordered anywhere."
            )
            return
        if wanted != ran:
            st.caption("The fields have changed since the run below: press Run.")
        with error_boundary():
            _results(ran, shown)


def drawn_tables(until: datetime) -> list[Section]:
    """Return the tables of the simulation that is on the page, if it ended by *until*."""
    last: _Run | None = st.session_state.get(_LAST)
    if last is None or last.shown.now > until:
        return []
    made = simulated_tables.tables(last.job.result())
    return [make() for make in made.values()]


def shown_request() -> request.Asked | None:
    """Return what asks for the simulation that is on the page; None where there is none."""
    last: _Run | None = st.session_state.get(_LAST)
    if last is None:
        return None
    wanted = last.wanted
    return request.stated(wanted.source, wanted.plan, wanted.timeframe, wanted.pairs)


def _results(ran: Wanted, shown: Moment) -> None:
    """Draw what *ran* comes to; while that is computed, what it came to before."""
    run: _Run | None = st.session_state.get(_JOB)
    if run is None or run.wanted != ran or run.job.done():
        # One at a time: what a playing clock asked for in between is left out.
        run = st.session_state[_JOB] = _Run(ran, shown, simulated.job(ran, shown))
        wait([run.job], timeout=_AT_ONCE_S)
    if run.job.done():
        run.job.result()
        st.session_state[_LAST] = run
    else:
        st.fragment(_wait, run_every=_POLL_S)(run)
    last: _Run | None = st.session_state.get(_LAST)
    # What came later than the page's time is not known there.
    if last is not None and last.wanted == ran and last.shown.now <= shown.now:
        _draw(last)


def _wait(run: _Run) -> None:
    if run.job.done():
        st.rerun(scope="app")
    bars, pairs = run.wanted.bars, len(run.wanted.pairs)
    what = f"{formats.plural(bars, 'bar')} of {formats.plural(pairs, 'pair')}"
    st.caption(f":material/hourglass_top: Simulating {what} …")


def _draw(run: _Run) -> None:
    found, wanted, look = run.job.result(), run.wanted, colors(st.context.theme.type)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(_scope(run, found)), width="stretch")
        export_menu(
            "Simulated trades",
            run.shown,
            simulated_tables.tables(found),
            report=lambda: report(found, wanted, run.shown, _scope(run, found)),
            key="simulated_trades",
        )
    draw(cards(found, wanted.timeframe))
    if lines := [*sentences(found)]:
        st.caption("  \n".join(map(plain, lines)))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        points = curve_points(found)
        for name in ("equity_usd", "drawdown_pct"):
            st.altair_chart(
                curve_chart(points, name, look),
                theme="streamlit",
                key=f"simulated_{name}",
                alt=f"{QUANTITIES[name].title} of the simulated trades, and of buy and hold",
            )
    with right:
        if (said := luck(found)) is not None and found.random is not None:
            st.altair_chart(
                luck_chart(found.random, look),
                theme="streamlit",
                key="simulated_luck",
                alt=said,
            )
            st.caption(plain(said))
    _tables(found, look)
    walk_forward(wanted, run.shown, len(found.run.equity_usd) - 1, look)


def _tables(found: Results, look: Any) -> None:
    trades, pairs, hours = st.tabs(["Trades", "By pair", "By hour"], key="simulated_tables")
    if found.run.trades.empty:
        trades.caption("No trades in this range.")
        return
    with trades:
        simulated_tables.trade_table(found.run.trades, look)
    with pairs:
        simulated_tables.sums_table(found.by_pair, by_hour=False)
    with hours:
        simulated_tables.sums_table(found.by_hour, by_hour=True)


def _scope(run: _Run, found: Results) -> str:
    """Return which bars of which pairs were traded."""
    times = found.run.equity_usd.index
    begin, end = (formats.moment(time) for time in (times[0], times[-1]))
    names = [formats.on_venue(symbol, venue) for venue, symbol in run.wanted.pairs]
    return f"{begin} to {end}, {run.wanted.timeframe} bars: {formats.listed(names, 6)}."
