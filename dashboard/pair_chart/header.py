"""Key figures on top of the Market chart, with their ages."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from analytics import formats
from analytics.market.figures import Change
from analytics.market.pair_figures import PairFigures, Stated
from analytics.quantities import QUANTITIES, title
from dashboard.components.cards import NOTES_WRAP
from dashboard.components.stale_values import stale_at
from dashboard.frame.brand import style_part
from dashboard.pair_chart.instrument_picker import Subject
from dashboard.state.as_of import Moment


def header(figures: PairFigures, shown: Moment) -> None:
    """Draw one card for each of *figures*."""
    change = figures.oi_change

    def of(one: Stated) -> str | None:
        return coverage(one, figures)

    style_part(f"<style>{NOTES_WRAP}</style>")
    with st.grid(6, min_column_width=150, gap="xsmall"):
        _card(
            *_written("price", figures.price),
            QUANTITIES["price_24h_pct"].write(figures.price_24h_pct),
            QUANTITIES["price_24h_pct"].short,
            None,
            f"Last trade, in the quote currency. In {formats.span(figures.price_delta_s)}: "
            f"{QUANTITIES['price_delta_pct'].write(figures.price_delta_pct)}.",
        )
        _card(
            *_written("oi_usd", figures.oi_usd),
            None if change is None else change.written("oi_usd"),
            None if change is None else _over(change, figures.oi_usd),
            of(figures.oi_usd),
            "At the mark price. USD. Change over the instruments known at both ends.",
        )
        _card(
            *_written("funding_8h_pct", figures.funding_8h_pct),
            _apr(figures),
            None,
            of(figures.funding_8h_pct),
            "Normalised to 8 hours; APR is the same over a year. Positive: longs pay shorts.",
        )
        _card(
            title("next_funding_ts"),
            _until(figures.next_funding_ts, shown.now),
            None,
            None,
            None,
            f"Paid at {formats.moment(figures.next_funding_ts, shown.now)}.",
        )
        _card(
            *_written("ls_accounts", figures.ls_accounts),
            None,
            None,
            of(figures.ls_accounts),
            f"Long per short accounts, as of {formats.moment(figures.ls_accounts.ts, shown.now)}.",
        )
        _card(
            *_written("volume_24h_usd", figures.volume_24h_usd),
            None,
            None,
            of(figures.volume_24h_usd),
            "Traded in the last 24 hours, rolling. USD.",
        )


def tab_title(subject: Subject, figures: PairFigures | None) -> None:
    """Put the price into the title of the browser's tab: ``BTC 90,174.30 +0.21 % · perpscope``."""
    title = subject.heading
    if figures is not None and figures.price.value is not None:
        names = (("price", figures.price.value), ("price_24h_pct", figures.price_24h_pct))
        written = [QUANTITIES[name].write(value) for name, value in names if value is not None]
        title = " ".join([subject.base, *written])
    st.set_page_config(page_title=f"{title} · perpscope")


def _apr(figures: PairFigures) -> str | None:
    """Write funding over a year, which is no change and so has no sign of one: ``APR 10.95 %``."""
    quantity, value = QUANTITIES["funding_apr_pct"], figures.funding_apr_pct
    return None if value is None else f"{quantity.short} {quantity.write(value).removeprefix('+')}"


def _written(name: str, stated: Stated) -> tuple[str, str]:
    """Return the title of the quantity called *name*, and its value in words."""
    return QUANTITIES[name].title, QUANTITIES[name].write(stated.value)


def coverage(stated: Stated, figures: PairFigures) -> str | None:
    """Write how many instruments are behind a figure: ``2 of 3 pairs``; None where all are."""
    if stated.value is None or stated.instruments >= figures.instruments:
        return None
    return f"{stated.instruments} of {formats.plural(figures.instruments, 'pair')}"


def _over(change: Change, now: Stated) -> str:
    """Write the span of a change, and its pairs if fewer than those of the value: ``in 1 h``."""
    pairs = formats.plural(change.pairs, "pair")
    some = "" if change.pairs == now.instruments else f" of {pairs}"
    return f"in {formats.spans(change.least, change.most)}{some}"


def ages(figures: PairFigures, shown: Moment) -> list[str]:
    """Return a sentence on the figures that are older than two cycles, each with its age."""
    late = [
        f"{QUANTITIES[name].title.lower()} {formats.age(shown.now - one.ts)}"
        for name, one in figures.by_name.items()
        if one.ts is not None and stale_at(name, one.ts, shown)
    ]
    return [f"Older than two cycles: {formats.listed(late)}."] if late else []


def _until(ts: datetime | None, now: datetime) -> str:
    return formats.ABSENT if ts is None else formats.countdown(ts - now)


def _card(
    label: str, value: str, change: str | None, of: str | None, missing: str | None, help: str
) -> None:
    """Draw a card; without a change it shows *missing* instead."""
    known = change is not None and change != formats.ABSENT
    signed = change is not None and known and change[0] in "+-"
    st.metric(
        label,
        value,
        change if known else missing,
        delta_color="normal" if signed else "off",
        delta_arrow="auto" if signed else "off",
        delta_description=", ".join(filter(None, (of, missing))) or None if known else None,
        help=help,
        border=True,
        height="stretch",
    )
