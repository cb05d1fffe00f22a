"""The form of simulated trades; all of it is in the address, so that a link opens the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final, cast, get_args

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError, QueryError, RuleError
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.trades.simulated.conditions import Conditions, OfRule, condition
from analytics.trades.simulated.plan import (
    FEES,
    Fee,
    FixedUsd,
    PercentOfEquity,
    Plan,
    Side,
    Size,
    SlippageBps,
    SlippageOfBook,
    VolatilityTarget,
)
from analytics.trades.simulated.signals import MODELS, Model
from analytics.trades.simulated.simulation import Source
from analytics.trades.simulated.walk_forward import with_parameter
from dashboard.components.condition_names import condition_names
from dashboard.components.time_range import MARKET_SPANS
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes
from dashboard.loaders.simulations import Wanted
from dashboard.pair_chart.panes import MODELS as TITLES
from dashboard.state.view import View

RULE: Final = "Alert rule"
OWN: Final = "Expressions"
_SIZES: Final[Mapping[str, tuple[type[Size], float]]] = {
    "USD": (FixedUsd, 1_000.0),
    "% of equity": (PercentOfEquity, 10.0),
    "Volatility target, %": (VolatilityTarget, 20.0),
}
"""How a trade is sized, and the usual value."""
PARAMETERS: Final[Mapping[tuple[str, str], str]] = {
    ("rsi", "period"): "RSI length, bars",
    ("rsi", "low"): "Oversold, RSI",
    ("rsi", "high"): "Overbought, RSI",
    ("rsi", "middle"): "Exit, RSI",
    ("obv", "window"): "EMA of OBV, bars",
    ("bollinger", "window"): "Band length, bars",
    ("bollinger", "deviations"): "Band width, σ",
}
"""What the fields of each model's parameters are called."""
_LARGEST: Final = 5
"""Pairs where none is chosen."""
_MAX_PAIRS: Final = 50
_MAX_BARS: Final = 2_500_000
"""Of all pairs together: more take minutes, and memory that other pages need."""


def form(names: pd.DataFrame, seen: View) -> tuple[Wanted | None, bool]:
    """Draw the fields; return what they ask for, and whether to run it.

    What makes no sense is said, and None.

    Args:
        names: As ``pair_names.sql`` returns them, at least one.
        seen: What the sidebar and toolbar ask for.
    """
    with st.grid(6, min_column_width=150, gap="small"):
        signal = _signal()
        side = _choice("Side", get_args(Side), "sim_side", "both")
        size = _size()
        start = _number("Start capital, USD", "sim_start", 10_000.0)
        most = _number(
            "Maximum positions", "sim_most", help="Most positions at once. Empty: one per pair."
        )
        limit = _number("Time limit, bars", "sim_limit")
        fee = _number("Fee, %", "sim_fee", help="Of each fill. Empty: the venue's published fee.")
        bps = _number("Slippage, bps", "sim_slippage", 2.0)
        stop = _number("Stop, %", "sim_stop", help="Against the entry price.")
        target = _number("Target, %", "sim_target", help="For the trade.")
        parameters = _parameters(signal)
    source = _source(signal, parameters, side, seen.timeframe)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        pairs = _pairs(names, seen)
        span = _choice("Range", tuple(MARKET_SPANS), "sim_span", "7 d")
        by_book = st.checkbox(
            "Half the spread",
            key="sim_book",
            bind="query-params",
            help="Slippage by the recorded book: half its spread, and the basis points above.",
        )
        pressed = st.button("Run", type="primary", icon=":material/play_arrow:", key="sim_run")
    try:
        plan = Plan(
            side=cast("Side", side),
            size=size,
            start_usd=start or 0.0,
            fees=FEES if fee is None else Fee(fee, fee),
            slippage=(SlippageOfBook if by_book else SlippageBps)(bps or 0.0),
            stop_pct=stop,
            target_pct=target,
            time_limit=None if limit is None else int(limit) * TIMEFRAMES[seen.timeframe],
            most_positions=None if most is None else int(most),
        )
    except PerpscopeError as error:
        _fault(error)
        return None, False
    if source is None:
        return None, False
    bars = MARKET_SPANS[span] // TIMEFRAMES[seen.timeframe]
    wanted = Wanted(source=source, plan=plan, pairs=pairs, timeframe=seen.timeframe, bars=bars)
    return _bounded(wanted), pressed


def _bounded(wanted: Wanted) -> Wanted | None:
    """Return what is *wanted*; None, said, where it is too much or too little."""
    total = wanted.bars * len(wanted.pairs)
    if wanted.bars < 2:
        st.error(f"The range is shorter than two bars of {wanted.timeframe}.")
        return None
    if total > _MAX_BARS:
        st.error(
            f"{total:,} bars of {formats.plural(len(wanted.pairs), 'pair')}; at most "
            f"{_MAX_BARS:,}. Choose fewer pairs, a shorter range or a longer timeframe."
        )
        return None
    return wanted


def _signal() -> str:
    """Ask where signals come from: a model, by its name, or a rule or expressions."""
    known = {title: name for name, title in TITLES.items()} | {RULE: RULE, OWN: OWN}
    return known[st.selectbox("Signal", list(known), key="sim_signal", bind="query-params")]


def _parameters(signal: str) -> dict[str, float]:
    """Ask for the parameters of a model; none of what is no model."""
    if signal not in MODELS:
        return {}
    usual = MODELS[signal]()
    names = [field.name for field in fields(usual)]
    return {
        name: _number(PARAMETERS[signal, name], f"sim_{signal}_{name}", float(getattr(usual, name)))
        or 0.0
        for name in names
    }


def _source(
    signal: str, parameters: Mapping[str, float], side: str, timeframe: str
) -> Source | None:
    """Return where signals come from, after asking what that needs; None, said, without it."""
    if signal in MODELS:
        try:
            made: Model = MODELS[signal]()
            for name, value in parameters.items():
                made = with_parameter(made, name, value)
        except QueryError as error:
            _fault(error)
            return None
        return made
    source = _of_rule() if signal == RULE else _conditions(timeframe)
    if source is not None and side == "both":
        st.error("A rule or an expression enters one side: choose long or short.")
        return None
    return source


def _fault(error: PerpscopeError) -> None:
    said = str(error)
    st.error(plain(f"{said[:1].upper()}{said[1:]}"), icon=":material/error:")


def _of_rule() -> Source | None:
    rules = {rule.name: rule for rule in alert_episodes.running_rules() if rule.per != "venue"}
    name = st.selectbox("Rule", list(rules), key="sim_rule", bind="query-params")
    if name is None:
        st.caption("No alert rules yet.")
        return None
    rule = rules[name]
    st.caption(f"Enters when it fires, leaves when it is resolved: {plain(rule.when.sql)}")
    return OfRule(rule)


def _conditions(timeframe: str) -> Source | None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        entry = st.text_input(
            "Entry",
            key="sim_entry",
            bind="query-params",
            placeholder="z_oi > 3 and rsi_14 < 30",
            help="A condition as in alert rules. While it holds, a pair is entered.",
        )
        left = st.text_input(
            "Exit",
            key="sim_exit",
            bind="query-params",
            placeholder="rsi_14 > 50",
            help="True: it is left.",
        )
        condition_names("pair")
    if not entry.strip() or not left.strip():
        st.caption("Write a condition for the entry, and one for the exit.")
        return None
    try:
        for name, text in (("entry", entry), ("exit", left)):
            condition(name, text, timeframe)
    except RuleError as error:
        _fault(error)
        return None
    return Conditions(entry, left)


def _size() -> Size:
    """Ask how trades are sized, in two fields; of each kind a number of its own."""
    said = st.selectbox(
        QUANTITIES["size_usd"].title, list(_SIZES), key="sim_sized", bind="query-params"
    )
    kind, usual = _SIZES[said]
    return kind(_number(said, f"sim_{kind.__name__.lower()}", usual) or 0.0)


def _pairs(names: pd.DataFrame, seen: View) -> tuple[tuple[str, str], ...]:
    """Ask for pairs; none chosen are the largest that the sidebar lets through."""
    there = names[names["has_data"]]
    known = {
        f"{formats.pair(symbol)} · {formats.venue(venue)}": (venue, symbol)
        for venue, symbol in zip(there["venue"], there["symbol"], strict=True)
    }
    chosen = st.multiselect(
        "Pairs",
        list(known),
        key="sim_pairs",
        bind="query-params",
        max_selections=_MAX_PAIRS,
        placeholder=f"The {_LARGEST} largest",
        help="Empty: the largest by open interest that the sidebar shows.",
    )
    if chosen:
        return tuple(known[name] for name in chosen)
    largest = seen.of(there).head(_LARGEST)
    return tuple(zip(largest["venue"], largest["symbol"], strict=True))


def _choice(label: str, options: Sequence[str], key: str, usual: str) -> str:
    chosen: str | None = st.segmented_control(
        label, list(options), default=usual, required=True, key=key, bind="query-params"
    )
    return chosen or usual


def _number(
    label: str,
    key: str,
    usual: float | None = None,
    help: str | None = None,
) -> float | None:
    value: float | None = st.number_input(
        label,
        min_value=0.0,
        value=usual,
        key=key,
        format="%.10g",
        placeholder="none",
        help=help,
        bind="query-params",
    )
    return value
