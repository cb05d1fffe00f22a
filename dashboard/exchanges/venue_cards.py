"""Cards of the whole market, and of each venue."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.market.figures import OLD_CYCLES, Figure
from analytics.market.venue_summary import VenueSummary
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.components.cards import NOTES_WRAP, CardText, card_text, downsampled
from dashboard.frame.brand import style_part
from dashboard.frame.error_boundary import plain
from dashboard.frame.local_time import titled
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_STYLE: Final = f"""
<style>
{NOTES_WRAP}
.venue-figures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(100px, 1fr));
  gap: 0.45rem 0.75rem; margin: 0 !important; padding: 0 !important;
  font-variant-numeric: tabular-nums; }}
.venue-figures dt {{ font-size: 0.78rem; opacity: 0.75; }}
.venue-figures dd {{ margin: 0; font-size: 1rem; font-weight: 600; }}
.venue-figures dd.old {{ font-style: italic; font-weight: 400; opacity: 0.8; }}
</style>
"""


def market_cards(figures: dict[str, Figure], venues: int, seen: View, shown: Moment) -> None:
    """Draw what is *seen* of the market, on so many *venues*: as a sum, and weighted by volume."""
    pairs = figures["global_oi_usd"].expected
    of = f"Of {formats.plural(pairs, 'pair')} collected on {formats.plural(venues, 'venue')}"
    of += ", as selected in the sidebar." if seen.venues or seen.pairs else "."
    with st.grid(4, min_column_width=165, gap="xsmall"):
        for name, label, said in (
            (
                "global_oi_usd",
                f"{QUANTITIES['global_oi_usd'].title}, sum",
                "Sum over all pairs, at the mark price. USD.",
            ),
            (
                "oi_volume_weighted_usd",
                QUANTITIES["oi_volume_weighted_usd"].title,
                "Mean open interest per pair, weighted by 24 h volume; not a sum. USD.",
            ),
            ("volume_24h_usd", f"{QUANTITIES['volume_24h_usd'].title}, sum", "Rolling. USD."),
            (
                "funding_8h_pct",
                QUANTITIES["funding_8h_pct"].mean_title,
                "Positive: longs pay shorts.",
            ),
        ):
            _metric(label, card_text(name, figures[name], shown), f"{said} {of}")


def venue_cards(
    summaries: Sequence[VenueSummary], mute: dict[str, str], shown: Moment, seen: View, at: Colors
) -> None:
    """Draw a card for each venue.

    Args:
        summaries: The venues with data.
        mute: Why the others have no data, by venue.
        shown: What ages count to.
        seen: What shares are of.
        at: The colours of the theme.
    """
    style_part(_STYLE)
    with st.grid(4, min_column_width=290, gap="small"):
        for one in summaries:
            with st.container(border=True, height="stretch", gap="small"):
                _card(one, shown, seen, at)
        for venue, reason in mute.items():
            with st.container(border=True, height="stretch", gap="small"):
                _title(venue, "no data", at)
                st.markdown(plain(reason))


def _card(one: VenueSummary, shown: Moment, seen: View, at: Colors) -> None:
    age = shown.now - one.received_ts
    is_old = age > OLD_CYCLES * shown.cycle
    some = "" if one.pairs == one.expected else f"{one.pairs:,} of "
    said = f"{some}{formats.plural(one.expected, 'pair')} · {formats.age(age)} ago"
    _title(one.venue, titled(said, one.received_ts), at, is_old)
    oi = one.figures["global_oi_usd"]
    text = card_text("global_oi_usd", oi, shown)
    _metric(
        text.label,
        text,
        f"Sum over {oi.pairs:,} of {formats.plural(oi.expected, 'pair')} collected, at the mark "
        "price. USD.",
        border=False,
        curve=oi,
    )
    look = ' class="old"' if is_old else ""
    entries = "".join(
        f'<div title="{escape(said)}"><dt>{escape(label)}</dt><dd{look}>{escape(value)}</dd></div>'
        for label, value, said in _entries(one, seen)
    )
    st.html(f'<dl class="venue-figures">{entries}</dl>')


def _entries(one: VenueSummary, seen: View) -> list[tuple[str, str, str]]:
    """Return label, value and meaning of a card's small figures."""
    now = one.figures

    def of(name: str) -> str:
        return f"From {now[name].pairs:,} of {formats.plural(one.expected, 'pair')}."

    weighed = "Mean, weighted by open interest."
    longs = "From the mean share of longs, weighted by open interest."
    part = f"Share of the sum over {'the selected pairs on ' if seen.pairs else ''}all venues."
    weighted = "oi_volume_weighted_usd"
    told = {
        "oi_share_pct": (one.oi_share_pct, part),
        "volume_24h_usd": (now["volume_24h_usd"].value, of("volume_24h_usd")),
        "volume_share_pct": (one.volume_share_pct, part),
        "funding_8h_pct": (now["funding_8h_pct"].value, f"{weighed} {of('funding_8h_pct')}"),
        "funding_apr_pct": (one.funding_apr_pct, "Annualised."),
        "ls_accounts": (now["ls_accounts"].value, f"{longs} {of('ls_accounts')}"),
        "basis_pct": (one.basis_pct, f"{weighed} Mark price against index price."),
        weighted: (now[weighted].value, "Mean over pairs, weighted by 24 h volume."),
    }
    return [
        (QUANTITIES[name].title, QUANTITIES[name].write(value), said)
        for name, (value, said) in told.items()
    ]


def _title(venue: str, said: str, at: Colors, is_old: bool = False) -> None:
    """Draw the name of a venue, and *said* as HTML beside it."""
    color = f"color:{at.alert};font-style:italic" if is_old else "opacity:0.75"
    st.html(
        f'<div style="display:flex;gap:0.5rem;align-items:baseline">'
        f'<span style="width:0.7rem;height:0.7rem;border-radius:2px;'
        f'background:{at.of_venue(venue)}"></span>'
        f'<strong style="font-size:1.1rem">{escape(formats.venue(venue))}</strong>'
        f'<span style="margin-left:auto;font-size:0.85rem;{color}">{said}</span></div>'
    )


def _metric(
    label: str,
    text: CardText,
    help: str,
    *,
    border: bool = True,
    curve: Figure | None = None,
) -> None:
    signed = text.change is not None and text.change[0] in "+-"
    chart: dict[str, Any] = {}
    if curve is not None and len(curve.past) > 1:
        points = [float(f"{value:.6g}") for value in downsampled(curve.past)]
        chart = {"chart_data": points, "chart_type": "area"}
    st.metric(
        label,
        text.value,
        text.coverage if text.change is None else text.change,
        delta_color="normal" if signed else "off",
        delta_arrow="auto" if signed else "off",
        delta_description=None if text.change is None else text.note,
        help=help,
        border=border,
        height="stretch" if border else "content",
        **chart,
    )
