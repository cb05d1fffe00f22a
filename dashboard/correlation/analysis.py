"""Loads and draws the matrix, two of its rows over time, and lead-lag, with their captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from analytics import formats
from analytics.correlation.matrix import LEAST_COMMON, Method
from analytics.correlation.view import Matrix, Rolling, Subject, rolling
from analytics.errors import QueryError
from analytics.palette import colors
from analytics.panels.panel import Pair
from analytics.quantities import QUANTITIES
from dashboard.charts.cells import labels
from dashboard.components.chart_zoom import chart_settings, on_touch, zoomable
from dashboard.components.largest_pairs import Largest
from dashboard.components.time_range import TimeRange
from dashboard.correlation.line_charts import MAX_LINES, lag_chart, rolling_chart
from dashboard.correlation.matrix_chart import Drawing, lead_chart, matrix_chart
from dashboard.frame.error_boundary import plain
from dashboard.loaders import bars
from dashboard.state.as_of import Moment

CHART: Final = "correlation_chart"
MAX_LAG: Final = 12
"""Longest lag. [bars]"""

_ROWS: Final = {
    "close": QUANTITIES["price"].title,
    "oi_base": QUANTITIES["oi_usd"].short,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user wants to see."""

    subject: Subject
    method: Method
    window: TimeRange
    most: int
    spread: bool

    @property
    def of(self) -> str:
        """What the rows are of."""
        return _ROWS[self.subject.of]

    @property
    def against(self) -> str:
        """What the columns are of."""
        return _ROWS[self.subject.against or self.subject.of]

    @property
    def words(self) -> dict[str, str]:
        """The same in words."""
        return {
            "Returns of": self.subject.title,
            "Method": self.method.title(),
            "Window": f"{self.window.span}, {self.window.bars:,} bars of {self.window.timeframe}",
            "Pairs": str(self.most),
        }


def load(largest: Largest, asked: Request, shown: Moment) -> Matrix:
    """Return the matrix of the first of the *largest*."""
    return bars.matrix(
        largest.rows[: asked.most],
        asked.subject,
        asked.method,
        asked.window.timeframe,
        shown,
        bars=asked.window.bars,
        only=largest.only,
        by_asset=largest.by_asset,
    )


def draw_matrix(
    found: Matrix,
    asked: Request,
    largest: Largest,
    marked: tuple[Pair, Pair] | None,
    shown: Moment,
) -> None:
    """Draw the matrix, the cell of *marked* framed; nothing of fewer than two rows."""
    if len(found.pairs) < 2:
        st.info(
            plain(
                f"No two of these {largest.word}s share {LEAST_COMMON} {asked.window.timeframe} "
                f"bars in the last {asked.window.span}. Choose a longer window, more "
                f"{largest.word}s, or another timeframe."
            )
        )
        return
    window = asked.window
    subject = f"correlation {asked.subject.title} {asked.method} {window.span} {len(found.pairs)}"
    figure = matrix_chart(
        Drawing(
            matrix=found,
            rows=asked.of,
            columns=asked.against,
            spread=asked.spread,
            marked=marked,
            colors=colors(st.context.theme.type),
            touch=on_touch(),
        )
    )
    zoomable(
        figure,
        subject,
        key=CHART,
        config=chart_settings("correlation", shown),
        alt=f"Correlation of {formats.plural(len(found.pairs), largest.word)} as a matrix",
    )


def of_matrix(found: Matrix, asked: Request, largest: Largest) -> list[str]:
    """Return what the matrix shows and leaves out, in sentences."""
    count = formats.plural(len(found.pairs), largest.word)
    method = {"pearson": "Pearson's r", "spearman": "Spearman's rho"}[asked.method]
    lines = [
        f"{method} of log returns of {asked.subject.title}, top {count} of {largest.total:,} by "
        f"24 h volume, {found.bars:,} bars of {asked.window.timeframe}. Click a cell to see its "
        f"two {largest.word}s over time."
    ]
    if asked.window.note:
        lines.insert(0, asked.window.note)
    if largest.by_asset:
        lines.append(
            "Of an asset: the price weighted by open interest over its venues, and the sum of OI."
        )
    if "oi_base" in asked.subject.metrics:
        lines.append("OI in coins: in USD it would move with the price.")
    if found.between is not None and len(found.starts):
        lines.append(
            f"Lines separate {len(found.starts) + 1} clusters; mean r between the two closest: "
            f"{QUANTITIES['correlation'].write(found.between)}."
        )
    if found.left_out:
        names = labels(found.left_out)
        lines.append(
            f"Left out (fewer than {LEAST_COMMON} common bars, or no change): "
            f"{formats.listed(names)}."
        )
    return lines


def draw_rolling(
    two: tuple[Pair, Pair], asked: Request, largest: Largest, shown: Moment
) -> Rolling:
    """Draw the correlation of *two* over time, with the sentences that belong to it."""
    window = asked.window
    panel = bars.panel(
        asked.subject.metrics,
        window.timeframe,
        shown,
        bars=window.bars + 1,
        only=largest.only,
        by_asset=largest.by_asset,
    )
    found = rolling(panel, *two, asked.subject, asked.method)
    first, second = labels(two) if two[0] != two[1] else labels(two[:1]) * 2
    common = f"{found.common:,} of {window.bars:,} bars in common"
    if found.common < LEAST_COMMON:
        st.info(
            plain(
                f"{asked.of} of {first} and {asked.against} of {second}: {common}; at least "
                f"{LEAST_COMMON} needed."
            )
        )
        return found
    st.plotly_chart(
        rolling_chart(found, colors(st.context.theme.type)),
        theme=None,
        key="rolling_chart",
        config=chart_settings("rolling correlation", shown),
        alt=f"Correlation of {first} and {second} over time",
    )
    st.caption(
        plain(
            f"{asked.of} of {first} and {asked.against} of {second}: r over the last "
            f"{found.window:,} {window.timeframe} bars at each point; dashed: r over all of "
            f"{window.span}, {QUANTITIES['correlation'].write(found.whole)}. {common}."
        )
    )
    return found


def leads(base: str, asked: Request, shown: Moment) -> bars.Leads | str:
    """Return how the venues of *base* lead and follow each other; or why that is not known."""
    most = min(MAX_LAG, (asked.window.bars - 21) // 4)
    if most < 1:
        return (
            f"Lead-lag needs at least 25 bars; {asked.window.span} has {asked.window.bars} of "
            f"{asked.window.timeframe}. Choose a longer window."
        )
    try:
        return bars.lead_lag(base, asked.window.timeframe, shown, bars=asked.window.bars, most=most)
    except QueryError:
        return f"Not enough data for lead-lag of {base}: history too short, or too few venues."


def draw_leads(base: str, found: bars.Leads, asked: Request, shown: Moment) -> None:
    """Draw lead-lag between venues, and r by lag; a sentence where no lead exceeds chance."""
    pairs, lags = found
    timeframe, tint = asked.window.timeframe, colors(st.context.theme.type)
    if not lags.leads.any():
        st.caption(
            plain(
                f"No lead exceeds chance: the venues of {base} move within one {timeframe} bar, "
                f"compared up to {lags.lags[-1]} bars apart."
            )
        )
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.plotly_chart(
            lead_chart(pairs, lags, timeframe, tint),
            theme=None,
            key="lead_chart",
            config=chart_settings(f"leads {base}", shown),
            alt=f"Which venue leads in {base}",
        )
    with right:
        st.plotly_chart(
            lag_chart(pairs, lags, tint),
            theme=None,
            key="lag_chart",
            config=chart_settings(f"lags {base}", shown),
            alt=f"Correlation of {base} by lag",
        )
    some = len(pairs) * (len(pairs) - 1) // 2
    few = f" Lines: the first {MAX_LINES} of {some}." if some > MAX_LINES else ""
    st.caption(
        plain(
            f"Lags in {timeframe} bars, up to {lags.lags[-1]}; the row leads where it moves "
            "first. Grey: range of the strongest lag in 95 % of 500 shuffles of the same "
            f"returns; a lead within it may be chance. Leads shorter than a bar do not show.{few}"
        )
    )
