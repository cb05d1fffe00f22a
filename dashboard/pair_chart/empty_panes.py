"""Sentences on empty, partial or late panes of the Market chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from analytics import formats
from analytics.market.pair_history import History
from analytics.panels.panel import LEAST_KNOWN
from analytics.quantities import QUANTITIES
from analytics.signals.fired import Signal
from analytics.signals.sentences import LEGEND, in_words
from dashboard.pair_chart.panes import SIGNALS, Pane
from dashboard.pair_chart.scales import ended, ended_before

Offers = Mapping[str, Any]
"""What the venues offer; see ``exchanges/data_sources.py``."""


def drawable(history: History, signals: Sequence[object], panes: Sequence[Pane]) -> list[Pane]:
    """Return the *panes* that have something to show; *signals* and alerts share one."""
    return [
        pane
        for pane in panes
        if (bool(signals) if pane is SIGNALS else history.known(*pane.lines) > 0)
    ]


def sentences(
    history: History,
    signals: Sequence[Signal],
    panes: Sequence[Pane],
    offers: Offers,
    bars: int,
    until: datetime,
    now: datetime,
    alerts: Sequence[object] = (),
) -> list[str]:
    """Return why *panes* are empty or have holes, whose figures they show, and up to when.

    Args:
        history: What is drawn.
        signals: The same.
        panes: Those that were asked for.
        offers: What the venues offer.
        bars: How many were asked for. [bars]
        until: when the newest bar was last updated. With a zone.
        now: Of the page. With a zone.
        alerts: Of rules, as they are drawn.
    """
    shown = drawable(history, [*signals, *alerts], panes)
    return [
        *_of_end(history, until, now),
        *_of_several(history),
        *(_why_empty(pane, history, offers) for pane in panes if pane not in shown),
        *(line for pane in shown for line in _without(pane, history)),
        *_of_gaps(history, bars),
        *_of_late(history, shown, now),
        *_of_funding(history, shown),
        *_of_flows(history, shown),
        *_of_parts(history, shown),
        *_of_signals(signals, shown),
        *_of_alerts(alerts, shown),
    ]


def _why_empty(pane: Pane, history: History, offers: Offers) -> str:
    if pane is SIGNALS:
        return "Signals: none in this period."
    source, needed = pane.quantity.of, pane.quantity.least_bars
    count = 0 if source is None or needed == 1 else history.known(source)
    if 0 < count < needed:
        return f"{pane.label}: needs {needed} bars, {count} available."
    missing = [venue for venue in _venues(history) if not _offers(offers, venue, pane)]
    titles = formats.listed([_title(offers, venue) for venue in missing])
    if missing and pane.of.streamed:
        return f"{pane.label}: no {pane.of.words} streamed from {titles}."
    if missing:
        return f"{pane.label}: no {pane.of.words} from {titles}."
    return f"{pane.label}: no {pane.of.words} in this period."


def _offers(offers: Offers, venue: str, pane: Pane) -> bool:
    """Return whether *venue* offers the data of *pane*; True if its offers are not stored."""
    if venue not in offers:
        return True
    columns = {offer["column"] for offer in offers[venue]["offers"]}
    return any(name in columns for name in pane.of.columns)


def _title(offers: Offers, venue: str) -> str:
    return str(offers[venue]["title"]) if venue in offers else venue


def _venues(history: History) -> list[str]:
    return list(dict.fromkeys(pair.venue for pair in history.instruments))


def _without(pane: Pane, history: History) -> list[str]:
    """Name the instruments without data that a sum or mean leaves out."""
    missing = history.without.get(pane.lines[0], ()) if pane.lines else ()
    if not missing or len(missing) == len(history.instruments):
        return []
    names = [formats.on_venue(pair.symbol, pair.venue) for pair in missing]
    return [f"{pane.label} excludes {formats.listed(names)}: no data."]


def _of_end(history: History, until: datetime, now: datetime) -> list[str]:
    """Say that the last bar is not over, or why the figures on top are others than the chart's."""
    end = ended(history, until)
    if end is None:
        return []
    if end == now:
        return ["The last bar is still open. Bands, RSI and z use closed bars."]
    upto = formats.moment(end, now)
    return [f"Chart up to the last bar, {upto}; the figures above are newer."]


def _of_several(history: History) -> list[str]:
    """Say whose price and whose sums a base asset's lines are."""
    if len(history.instruments) == 1:
        return []
    lead, venues = history.price_of, _venues(history)
    return [
        f"Price, bands, RSI and basis: {formats.on_venue(lead.symbol, lead.venue)}, the largest by "
        "open interest.",
        f"Amounts are sums over {formats.plural(len(history.instruments), 'pair')} on "
        f"{formats.venues(venues)}; ratios and funding are means weighted by open interest. "
        "Venues count long/short differently.",
        *_of_mix(history),
    ]


def _of_mix(history: History) -> list[str]:
    """Say where other pairs are in the sum of open interest than before."""
    if not len(history.mixed_at):
        return []
    at = [history.times.searchsorted(time) for time in history.mixed_at]
    moments = formats.listed([formats.moment(_time(history, int(bar))) for bar in at])
    return [
        f"Pairs joined or left at {moments}: earlier open interest is scaled to today's pairs, so "
        "that changes compare the same pairs."
    ]


def begins(history: History, bars: int) -> datetime | None:
    """Return when prices begin; None where that is with the first of the *bars* asked for."""
    known = np.flatnonzero(np.isfinite(history.lines["close"]))
    is_whole = not len(known) or (known[0] == 0 and len(history.times) >= bars)
    return None if is_whole else _time(history, int(known[0]))


def _of_gaps(history: History, bars: int) -> list[str]:
    """State when history starts, and how many bars are missing since."""
    known = np.flatnonzero(np.isfinite(history.lines["close"]))
    if not len(known):
        return []
    first = begins(history, bars)
    lines = [] if first is None else [f"Price history starts at {formats.moment(first)}."]
    missing = len(history.times) - int(known[0]) - len(known)
    if missing:
        total = len(history.times) - int(known[0])
        verb = "is" if missing == 1 else "are"
        lines.append(f"{missing:,} of {total:,} bars {verb} missing; gaps stay empty.")
    return lines


def _of_late(history: History, panes: Sequence[Pane], now: datetime) -> list[str]:
    """Say which panes end before the price does."""
    ends: dict[datetime, list[str]] = {}
    for pane in panes:
        if pane is not SIGNALS and (end := ended_before(pane, history)) is not None:
            ends.setdefault(end, []).append(pane.label)
    several = len(history.instruments) > 1
    of = f" for all {len(history.instruments)} pairs" if several else ""
    return [
        f"{formats.listed(labels, 20)}: last data at {formats.moment(end, now)}{of}."
        for end, labels in sorted(ends.items())
    ]


def _of_funding(history: History, panes: Sequence[Pane]) -> list[str]:
    """Say when the rate was not recorded, and how that is drawn."""
    if not any("funding_8h_pct" in pane.lines for pane in panes):
        return []
    missing = np.flatnonzero(np.isfinite(history.lines["funding_carried_8h_pct"]))
    if not len(missing):
        return []
    runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1)
    stretches = [_stretch(history, int(run[0]), int(run[-1])) for run in runs]
    return [
        f"Funding was not recorded {formats.listed(stretches, 3)}: dashed, last known rate. Venues "
        "publish past rates only once paid."
    ]


def _stretch(history: History, first: int, last: int) -> str:
    """Write from when to when bars last: ``from 00:00 to 06:05 UTC``, ``since 06:05 UTC``."""
    today = _time(history, -1)
    start = formats.moment(_time(history, first), today)
    if last == len(history.times) - 1:
        return f"since {start}"
    end = formats.moment(_time(history, last + 1), today)
    return f"from {start.removesuffix(' UTC')} to {end}"


def _of_flows(history: History, panes: Sequence[Pane]) -> list[str]:
    lines = []
    for name in ("cvd_usd", "obv_usd"):
        if any(name in pane.lines for pane in panes):
            known = np.flatnonzero(np.isfinite(history.lines[name]))
            first = _time(history, int(known[0]))
            lines.append(
                f"{QUANTITIES[name].title} starts at {formats.moment(first)}; trades in gaps are "
                "not included."
            )
    return lines


def _of_parts(history: History, panes: Sequence[Pane]) -> list[str]:
    """Say which panes have bars that are partial, and how those are drawn."""
    counts = {
        pane.label: max((int(history.partial(name).sum()) for name in pane.lines), default=0)
        for pane in panes
    }
    partial = [f"{label} in {formats.plural(n, 'bar')}" for label, n in counts.items() if n]
    if not partial:
        return []
    return [
        f"Partial bars (hatched, ringed or dotted): {formats.listed(partial, 20)}. At least "
        f"{100 * LEAST_KNOWN:.0f} % of their five minutes are known; bars with less are left out."
    ]


def _time(history: History, bar: int) -> datetime:
    start: datetime = history.times[bar].astype("datetime64[ms]").item().replace(tzinfo=UTC)
    return start


def _of_signals(signals: Sequence[Signal], panes: Sequence[Pane]) -> list[str]:
    if SIGNALS not in panes:
        return []
    counted = Counter(in_words(signal).mark for signal in signals)
    of = formats.listed(
        [f"{counted[mark]:,} {mark} ({words})" for mark, words in LEGEND.items() if counted[mark]]
    )
    return [f"Signals on closed bars, at your thresholds: {of or 'none'}."]


def _of_alerts(alerts: Sequence[object], panes: Sequence[Pane]) -> list[str]:
    if SIGNALS not in panes or not alerts:
        return []
    return [f"{formats.plural(len(alerts), 'alert')} of rules fired, drawn as squares."]
