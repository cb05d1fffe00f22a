"""Sentences on missing, stale or refused values of the Overview, and why."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import formats
from analytics.lake.schema import BAR
from analytics.market.figures import FIGURES, OLD_CYCLES, SUMMED, Figure
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES, moved
from dashboard.components.movers import SPANS
from dashboard.components.stale_values import LS_EVERY, is_stale, stale_after
from dashboard.state.as_of import Moment

_TOLD: Final = (
    *("price", "price_24h_pct", "oi_usd", "price_delta_pct", "oi_delta_pct", "funding_8h_pct"),
    *("funding_delta_pp", "ls_accounts", "ls_delta_pct", "z_oi", "rsi_14", "band_pct"),
    "volume_24h_usd",
)
"""Quantities whose missing values are reported."""

_CHANGES: Final = (*SPANS, "funding_delta_pp")
_OF_BARS: Final = ("z_oi", "rsi_14", "band_pct")
_BAR_NAMES: Final = "z, RSI and place in band"

_AGING: Final = ("price", "oi_usd", "funding_8h_pct", "ls_accounts", "volume_24h_usd")
"""The metrics that have a time of their own."""

_REFUSED: Final = re.compile(r"refused:(\w+):(\S+)")


def sentences(
    pairs: pd.DataFrame,
    silent: pd.DataFrame,
    cycles: pd.DataFrame,
    figures: dict[str, Figure],
    shown: Moment,
    timeframe: str,
) -> list[str]:
    """Return why values of *pairs* are absent, old or refused, and which pairs are missing.

    Args:
        pairs: As ``oi_split.with_split`` returns them, with what ``pair_curves`` says beside it.
        silent: Pairs of the universe that are not among them.
        cycles: The newest of each venue.
        figures: Of the cards.
        shown: What ages count to.
        timeframe: What changes are over.
    """
    return [
        *_of_venues(cycles, shown),
        *_of_silence(silent, shown),
        *(line for name in _TOLD for line in _of_metric(name, pairs, shown, timeframe)),
        *(line for name in SPANS for line in _of_span(name, pairs, timeframe)),
        *_of_coins(pairs, timeframe),
        *_of_refusals(pairs),
        *(line for name in _AGING for line in _of_age(name, pairs, shown)),
        *_of_marks(pairs, shown),
        *_of_bars(pairs),
        *_of_closed_bars(pairs, shown, timeframe),
        *_of_liquidations(figures["liquidations_1h_usd"], pairs, shown),
        *_of_history(figures),
        *_of_mixture(pairs),
    ]


def _of_venues(cycles: pd.DataFrame, shown: Moment) -> list[str]:
    """Name the venues whose last cycle failed, or is overdue."""
    lines = [
        f"{formats.venue(row['venue'])}: "
        f"{row['error'].removeprefix(row['venue'] + ': ').rstrip('.')}."
        for row in cycles[cycles["error"].notna()].to_dict("records")
    ]
    late = cycles[cycles["finished_ts"] < shown.silent_before]
    return lines + [
        f"No data from {formats.venue(row['venue'])} since {formats.clock(row['finished_ts'])}."
        for row in late.to_dict("records")
    ]


def _of_silence(silent: pd.DataFrame, shown: Moment) -> list[str]:
    """Name the pairs of the universe without data."""
    if silent.empty:
        return []
    span = formats.span(shown.now - shown.since)
    return [f"Not in the table, no data for {span}: {_names(silent)}."]


def _of_metric(name: str, pairs: pd.DataFrame, shown: Moment, timeframe: str) -> list[str]:
    """State for which pairs a metric is missing, and why if known."""
    unknown = pairs[name].isna()
    if name in _OF_BARS:
        unknown &= ~_without_bar(pairs, shown, timeframe)
    if not unknown.any():
        return []
    missing = pairs[unknown]
    who = f"{QUANTITIES[name].title} is missing for {_who(missing, pairs)}"
    why = _why(name, missing, shown, timeframe)
    return [f"{who}: {why}." if why else f"{who}: no value since {formats.clock(shown.since)}."]


def _why(name: str, missing: pd.DataFrame, shown: Moment, timeframe: str) -> str | None:
    began = missing["since_ts"].min().to_pydatetime()
    if name == "ls_accounts" and shown.now - began < LS_EVERY + OLD_CYCLES * shown.cycle:
        return f"published every 5 minutes{_first(_next_mark(began), shown)}"
    if name in _CHANGES:
        return _why_no_change(name, began, shown, timeframe)
    if name in _OF_BARS:
        ended = formats.moment(shown.mark(timeframe), shown.now)
        return (
            f"needs about {QUANTITIES[name].least_bars} closed bars of {timeframe}, up to {ended}"
        )
    if name == "price_24h_pct":
        return "no price from 24 hours ago"
    if name == "funding_8h_pct" and missing["funding_interval_unknown"].any():
        return "funding interval not published"
    return None


def _why_no_change(name: str, began: datetime, shown: Moment, timeframe: str) -> str:
    span = TIMEFRAMES[timeframe]
    if span == BAR and shown.now - began < span:
        return f"needs 5 minutes of history{_first(began + span, shown)}"
    title = moved(name).title.lower()
    return f"no {title} for both now and {timeframe} ago"


def _first(at: datetime, shown: Moment) -> str:
    """State when first values arrive; empty if no collector runs."""
    if shown.mode != "live":
        return ""
    if at <= shown.now:
        return "; first values due now"
    return f"; first values at {formats.moment(at, shown.now)}"


def _of_span(name: str, pairs: pd.DataFrame, timeframe: str) -> list[str]:
    """State for which pairs a change covers another span than the timeframe."""
    asked = formats.span(TIMEFRAMES[timeframe])
    seconds = pairs[SPANS[name]].dropna()
    off = seconds[seconds.map(formats.span) != asked]
    if off.empty:
        return []
    span = formats.spans(timedelta(seconds=off.min()), timedelta(seconds=off.max()))
    who = _who(pairs.loc[off.index], pairs)
    return [f"{QUANTITIES[name].title} covers {span} instead of {asked} for {who}."]


def _of_coins(pairs: pd.DataFrame, timeframe: str) -> list[str]:
    """State for which pairs open interest in coins is missing, now or one timeframe ago."""
    only_usd = pairs["oi_usd"].notna() & pairs["oi_base"].isna()
    unsplit = pairs["oi_delta_pct"].notna() & pairs["oi_contracts_usd"].isna() & ~only_usd
    coins = QUANTITIES["oi_base"].title
    lines = []
    if only_usd.any():
        lines.append(
            f"{coins} and the split of its change are missing for {_who(pairs[only_usd], pairs)}: "
            "only their USD value is published."
        )
    if unsplit.any():
        lines.append(
            "Split of OI change by price and contracts is missing for "
            f"{_who(pairs[unsplit], pairs)}: no open interest in coins {timeframe} ago."
        )
    return lines


def _who(missing: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Describe pairs: all, all of a venue, a count, or names if few."""
    if len(missing) == len(pairs):
        return "the only pair" if len(pairs) == 1 else f"all {len(pairs):,} pairs"
    if len(missing) <= 3:
        return _names(missing)
    venues = sorted(missing["venue"].unique())
    if len(missing) == pairs["venue"].isin(venues).sum():
        return f"all {len(missing):,} pairs on {formats.venues(venues)}"
    return f"{len(missing):,} of {len(pairs):,} pairs"


def _names(pairs: pd.DataFrame) -> str:
    """Return the pairs by name: ``BTC/USDT on OKX and ETH/USDT on OKX``."""
    return formats.listed(list(map(formats.on_venue, pairs["symbol"], pairs["venue"])))


def _of_refusals(pairs: pd.DataFrame) -> list[str]:
    """List values that validation refused: column, pairs, reason; most first."""
    refused: defaultdict[tuple[str, str], list[Hashable]] = defaultdict(list)
    for row, flags in pairs["flags"].dropna().items():
        for column, reason in set(_REFUSED.findall(flags)):
            refused[column, reason].append(row)
    if not refused:
        return []
    most_first = sorted(refused.items(), key=lambda group: (-len(group[1]), group[0]))
    said = [
        f"{column} for {_who(pairs.loc[rows], pairs)} ({reason.replace('_', ' ')})"
        for (column, reason), rows in most_first
    ]
    return [f"Impossible values refused: {formats.listed(said)}."]


def _of_age(name: str, pairs: pd.DataFrame, shown: Moment) -> list[str]:
    """State for which pairs a metric is stale, and its maximum age."""
    is_late = is_stale(name, pairs, shown)
    if not is_late.any():
        return []
    late = pairs[is_late]
    oldest = formats.age(shown.now - late[QUANTITIES[name].ts].min())
    return [
        f"{QUANTITIES[name].title} is older than {stale_after(name, shown)} "
        f"for {_who(late, pairs)}, at most {oldest} old."
    ]


def _of_marks(pairs: pd.DataFrame, shown: Moment) -> list[str]:
    """State the five-minute marks of the long/short ratios."""
    marks = pairs["ls_ts"].dropna()
    if marks.empty:
        return []
    first, last = marks.min(), marks.max()
    span = "" if first == last else f"{formats.minute(first)} to "
    return [f"{QUANTITIES['ls_accounts'].title} as of {span}{formats.moment(last, shown.now)}."]


def _of_bars(pairs: pd.DataFrame) -> list[str]:
    count = int(pairs["from_bar"].sum())
    if not count:
        return []
    return [f"{formats.plural(count, 'pair')} shown from 5-minute bars, without a snapshot."]


def _of_mixture(pairs: pd.DataFrame) -> list[str]:
    """State that the long/short card averages different counts."""
    if pairs.loc[pairs["ls_accounts"].notna(), "venue"].nunique() < 2:
        return []
    return [
        "The long/short card averages different counts: accounts on Binance and OKX, holders on "
        "Bybit."
    ]


def _of_history(figures: dict[str, Figure]) -> list[str]:
    """Name the cards without a curve yet."""
    without = [QUANTITIES[name].title for name in FIGURES if len(figures[name].past) < 2]
    if not without:
        return []
    return [
        f"No curve yet for {formats.listed(without)}: needs two 5-minute bars, breadth also bars "
        "from the day before.",
    ]


def _of_closed_bars(pairs: pd.DataFrame, shown: Moment, timeframe: str) -> list[str]:
    """State the bar of the indicators; changes run up to now, indicators do not."""
    late, without = _late(pairs, shown, timeframe), _without_bar(pairs, shown, timeframe)
    waiting, mark = late & ~without, formats.moment(shown.mark(timeframe), shown.now)
    lines = []
    if not late.all():
        lines.append(f"{_BAR_NAMES}: {timeframe} bar closed at {mark}.")
    if waiting.any():
        before = formats.moment(shown.mark(timeframe) - TIMEFRAMES[timeframe], shown.now)
        who = "" if waiting.all() else f" for {_who(pairs[waiting], pairs)}"
        lines.append(f"{_BAR_NAMES}{who}: bar closed at {before}, waiting for the {mark} bar.")
    if without.any():
        since = formats.moment(pairs.loc[without, "bar_ended"].max(), shown.now)
        who = _who(pairs[without], pairs)
        lines.append(f"{_BAR_NAMES} are missing for {who}: no {timeframe} bar since {since}.")
    return lines


def _late(pairs: pd.DataFrame, shown: Moment, timeframe: str) -> pd.Series[bool]:
    """Return which *pairs* had bars, but not the last one that is over."""
    return pairs["bar_ended"] < shown.mark(timeframe)


def _without_bar(pairs: pd.DataFrame, shown: Moment, timeframe: str) -> pd.Series[bool]:
    """Return which *pairs* are without the last bar for longer than it takes to write it."""
    before = shown.mark(timeframe) - TIMEFRAMES[timeframe]
    is_due = shown.mark(timeframe) != shown.mark()
    return _late(pairs, shown, timeframe) & (is_due | (pairs["bar_ended"] < before))


def _of_liquidations(figure: Figure, pairs: pd.DataFrame, shown: Moment) -> list[str]:
    """State what part of the hour and of the pairs liquidations cover."""
    began = pairs["since_ts"].min().to_pydatetime()
    # Only rows after ``since`` are read: data that starts right after it may be older.
    if figure.value is None and began > shown.since + OLD_CYCLES * shown.cycle:
        first = _first(_next_mark(began) + BAR, shown)
        return [f"No liquidations yet: they are summed over whole bars{first}."]
    if figure.value is None:
        return ["No liquidation data from the selected venues in the last hour."]
    lines = []
    if figure.pairs < figure.expected:
        lines.append(
            f"Liquidations cover {figure.pairs:,} of {formats.plural(figure.expected, 'pair')}: "
            "no stream data for the others in the last hour."
        )
    if figure.summed is not None and figure.summed < SUMMED:
        known, whole = (int(span.total_seconds() // 60) for span in (figure.summed, SUMMED))
        lines.append(f"Liquidations: {known} of {whole} min known.")
    if figure.summed_least is not None and figure.summed_least != figure.summed:
        least = formats.span(figure.summed_least)
        lines.append(f"For some pairs liquidations cover only {least}.")
    return lines


def _next_mark(time: datetime) -> datetime:
    """Return the five-minute mark that follows *time*."""
    past = (time - datetime(1970, 1, 1, tzinfo=time.tzinfo)) % BAR
    return time - past + BAR
