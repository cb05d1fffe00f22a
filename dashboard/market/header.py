"""The figures on top of the Market chart, compact, and how old they are."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from analytics import formats
from analytics.market.figures import OLD_CYCLES, Change
from analytics.pair.figures import PairFigures, Stated
from dashboard.components.cards import NOTES_WRAP
from dashboard.components.stale_values import LS_EVERY
from dashboard.state import Moment


def header(figures: PairFigures, shown: Moment) -> None:
    """Draw one card for each of *figures*."""
    change = figures.oi_change

    def of(one: Stated) -> str | None:
        return coverage(one, figures)

    st.html(f"<style>{NOTES_WRAP}</style>")
    with st.grid(6, min_column_width=150, gap="xsmall"):
        _card(
            "Price",
            formats.price(figures.price.value),
            formats.pct(figures.price_24h_pct),
            "24 h",
            None,
            f"Last trade, in the quote currency. In {formats.span(figures.price_delta_s)}: "
            f"{formats.pct(figures.price_delta_pct)}.",
        )
        _card(
            "Open interest",
            formats.usd(figures.oi_usd.value),
            None if change is None else formats.pct(change.pct),
            None if change is None else _over(change, figures.oi_usd),
            of(figures.oi_usd),
            "At the mark price. USD. The change compares the instruments known at both ends.",
        )
        _card(
            "Funding 8 h",
            formats.pct(figures.funding_8h_pct.value, 4),
            formats.pct(figures.funding_apr_pct),
            "a year",
            of(figures.funding_8h_pct),
            "Rebased to 8 hours; below, the same for a year. Positive: longs pay shorts.",
        )
        _card(
            "Next funding",
            _until(figures.next_funding_ts, shown.now),
            None,
            None,
            None,
            f"Paid at {formats.moment(figures.next_funding_ts, shown.now)}.",
        )
        _card(
            "Long/short",
            formats.ratio(figures.ls_accounts.value),
            None,
            None,
            of(figures.ls_accounts),
            "Accounts long over accounts short, as of "
            f"{formats.moment(figures.ls_accounts.ts, shown.now)}.",
        )
        _card(
            "Volume 24 h",
            formats.usd(figures.volume_24h_usd.value),
            None,
            None,
            of(figures.volume_24h_usd),
            "Traded in the last 24 hours, rolling. USD.",
        )


def coverage(stated: Stated, figures: PairFigures) -> str | None:
    """Write how many instruments are behind a figure: ``2 of 3 pairs``; None where all are."""
    if stated.value is None or stated.instruments >= figures.instruments:
        return None
    return f"{stated.instruments} of {formats.plural(figures.instruments, 'pair')}"


def _over(change: Change, now: Stated) -> str:
    """Write what time a change is of, and of whom where not of all behind the value: ``in 1 h``."""
    pairs = formats.plural(change.pairs, "pair")
    some = "" if change.pairs == now.instruments else f" of {pairs}"
    return f"in {formats.spans(change.least, change.most)}{some}"


def ages(figures: PairFigures, shown: Moment) -> list[str]:
    """Return a sentence on the figures that are older than two cycles, each with its age."""
    stated = {
        "price": (figures.price, shown.cycle),
        "open interest": (figures.oi_usd, shown.cycle),
        "funding": (figures.funding_8h_pct, shown.cycle),
        "long/short": (figures.ls_accounts, max(LS_EVERY, shown.cycle)),
        "volume": (figures.volume_24h_usd, shown.cycle),
    }
    late = [
        f"{name} {formats.age(shown.now - one.ts)}"
        for name, (one, every) in stated.items()
        if _is_old(one, every, shown) and one.ts is not None
    ]
    return [f"Older than two cycles: {formats.listed(late)}."] if late else []


def _is_old(one: Stated, every: timedelta, shown: Moment) -> bool:
    return one.ts is not None and shown.now - one.ts > OLD_CYCLES * every


def _until(ts: datetime | None, now: datetime) -> str:
    return formats.ABSENT if ts is None else formats.countdown(ts - now)


def _card(
    label: str, value: str, change: str | None, of: str | None, missing: str | None, help: str
) -> None:
    """Draw a card; where there is no change, what is *missing* stands in its place."""
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
