"""The records that cross from the collector into the lake.

A record type names its table, and its fields are that table's columns, in the
same words. GLOSSARY.md defines each quantity; the unit stands in brackets. What
a venue did not say is None, never 0. Times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A perpetual contract on one venue."""

    table: ClassVar = "instruments"

    venue: str
    symbol: str
    """As ccxt names it: ``1000PEPE/USDT:USDT``."""
    venue_id: str
    """As the venue names it: ``1000PEPEUSDT``."""
    base: str
    """The asset beneath it, without its multiplier: ``PEPE``."""
    multiplier: float
    """Coins of the base asset that one quoted unit stands for: 1000 for ``1000PEPE``."""
    contract_size: float
    """Quoted units in one contract. [quoted units]"""
    linear: bool
    """True where profit is paid in the quote currency, False for coin-margined."""
    quote: str
    oi_unit: str
    """What the venue counts open interest in: ``quoted units``, ``contracts`` or ``usd``."""
    in_universe: bool
    """Whether it is collected now."""
    first_seen_ts: datetime
    last_seen_ts: datetime
    asset_class: str | None = None
    """``coin``, ``stock``, ``commodity``, ``forex``, ``bond`` or ``index``, by the venue's own
    word; None where it says nothing that we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a venue said of one instrument in one cycle."""

    table: ClassVar = "snapshots"

    venue: str
    symbol: str
    base: str
    venue_ts: datetime | None = None
    """When the venue says it was so."""
    received_ts: datetime
    """When we received it: one time for all rows of the cycle."""
    price: float | None = None
    """Last traded price of one quoted unit. [quote currency]"""
    price_24h_ago: float | None = None
    """[quote currency]"""
    mark: float | None = None
    """[quote currency]"""
    index: float | None = None
    """[quote currency]"""
    bid: float | None = None
    """[quote currency]"""
    ask: float | None = None
    """[quote currency]"""
    volume_24h_usd: float | None = None
    oi_raw: float | None = None
    """Open interest as the venue counts it. [the instrument's oi_unit]"""
    oi_base: float | None = None
    """Open interest in coins of the base asset. [base coins]"""
    oi_usd: float | None = None
    """Open interest at the mark price. [USD]"""
    oi_venue_usd: float | None = None
    """Open interest in USD where the venue itself states it, for the unit audit. [USD]"""
    funding_rate: float | None = None
    """Rate of the running funding period, as the venue states it. [ratio per interval]"""
    funding_interval_h: float | None = None
    """[hours]"""
    next_funding_ts: datetime | None = None
    ls_accounts: float | None = None
    """Accounts long over accounts short, all traders. [ratio]"""
    ls_top_accounts: float | None = None
    """The same of the venue's top traders. [ratio]"""
    ls_top_positions: float | None = None
    """Long over short positions of the venue's top traders. [ratio]"""
    ls_ts: datetime | None = None
    """The five-minute mark that the venue published the ratios for."""
    book_imbalance: float | None = None
    """(bid - ask) / (bid + ask) of the depth within 25 bps of mid. [-1 to 1]"""
    spread_bps: float | None = None
    """(ask - bid) / mid. [basis points]"""
    taker_buy_usd: float | None = None
    """Taker buys since the previous snapshot of this instrument. [USD]"""
    taker_sell_usd: float | None = None
    """[USD]"""
    liq_long_usd: float | None = None
    """Longs liquidated since the previous snapshot of this instrument. [USD]"""
    liq_short_usd: float | None = None
    """[USD]"""
    flags: str | None = None
    """Words about this row, space-separated: ``imported``, ``refused:mark:sign``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One venue's part of one collection cycle."""

    table: ClassVar = "cycles"

    venue: str
    started_ts: datetime
    finished_ts: datetime
    asked: int
    """Instruments in the universe when it started."""
    answered: int
    """Instruments that a snapshot was made of."""
    skipped: int
    """Per-symbol questions that the time or the budget did not allow."""
    refused: int
    """Single values refused by validation."""
    refused_reasons: str | None
    """How often by column and reason, as JSON: ``{"mark:sign": 2}``."""
    latency_ms: float | None
    """Median time from a request to its answer. [wall ms]"""
    requests: int
    budget_used_pct: float | None
    """The fullest of the venue's limits after the cycle. [%]"""
    error: str | None
    """What went wrong, a sentence for each question that failed."""
    streams: str | None = None
    """How each channel's stream stood at its end, as JSON by channel; None without streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """A forced closing of someone's position, as a venue reported it."""

    table: ClassVar = "liquidations"

    venue: str
    symbol: str
    base: str
    side: Literal["long", "short"]
    """Whose position was closed."""
    price: float
    """[quote currency]"""
    quantity_base: float
    """[base coins]"""
    usd: float
    """[USD]"""
    venue_ts: datetime
    """When the venue says it was."""
    received_ts: datetime
    id: str
    """The venue's own, or else one made of what it said, so that a repeat is the same row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A hole in a stream: from when to when nothing came that can be relied upon."""

    table: ClassVar = "gaps"

    venue: str
    channel: str
    """``trades``, ``liquidations``, ``depth`` or another of the streams."""
    symbol: str
    """As ccxt names it; ``*`` for all instruments of the stream."""
    started_ts: datetime
    """When the last event before it was received."""
    ended_ts: datetime
    """When the first event after it was received."""
    reason: str
    outcome: Literal["repaired", "partly", "lost"]
    """The outcome of its repair: what the venue's history could fill in."""
    repaired_rows: int
    """Events that were filled in afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """A change of the state of an alert episode: one run of a rule for one subject."""

    table: ClassVar = "alert_events"

    rule: str
    version: str
    """Of the rule: changes with anything that decides when it fires."""
    subject: str
    """What it is about, in one word: ``binance BTC/USDT:USDT``, ``BTC``, ``okx`` or ``market``."""
    started_ts: datetime
    """When the condition became true: the episode's name, beside rule, version and subject."""
    change: Literal["pending", "firing", "clearing", "held", "resolved", "dropped"]
    """``clearing``: it is over, and waits for ``keep_firing_for``; ``held``: it is not over after
    all; ``dropped``: it ended before it fired."""
    ts: datetime
    """The time of the values."""
    per: Literal["pair", "asset", "market", "venue"]
    venue: str | None = None
    symbol: str | None = None
    base: str | None = None
    timeframe: str
    severity: Literal["info", "warning", "critical"]
    alert_group: str
    """Alerts of one group are told together."""
    condition: str
    """The rule's expression, with its thresholds."""
    message: str
    seen_values: str
    """What the condition read, as JSON by column; null is absent."""
    seen_ages_s: str
    """How old the values were, as JSON by column. [s]"""
    channels: str
    """Where it is told, as a JSON list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAction:
    """What a person did about alerts."""

    table: ClassVar = "alert_actions"

    id: str
    """Made by whoever asks, so that asking twice is one action."""
    ts: datetime
    kind: Literal["acknowledge", "silence", "end_silence"]
    """An acknowledgement is of one episode: rule, subject and started_ts."""
    rule: str | None = None
    """A silence holds for what all of rule, subject and group name; None names all, so that a
    silence without any of them mutes everything."""
    subject: str | None = None
    alert_group: str | None = None
    started_ts: datetime | None = None
    until_ts: datetime | None = None
    """When a silence ends."""
    ends_id: str | None = None
    """The silence that is ended early."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDelivery:
    """An attempt to tell a channel of a change of an episode."""

    table: ClassVar = "alert_deliveries"

    channel: str
    rule: str
    version: str
    subject: str
    started_ts: datetime
    change: Literal["firing", "resolved"]
    attempt: int
    """Counted from 1."""
    ts: datetime
    outcome: Literal["sent", "failed", "given up", "silenced"]
    error: str | None = None
    """Without addresses, tokens or passwords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A monitored trade as it was from one change on; its newest row is the trade."""

    table: ClassVar = "trades"

    id: str
    """Made by whoever opens it."""
    change_id: str
    """Made by whoever asks for the change, so that asking twice is one change."""
    ts: datetime
    """When it was stored."""
    change: Literal["open", "edit", "close"]
    venue: str
    symbol: str
    base: str
    side: Literal["long", "short"]
    entry_price: float
    """Per quoted unit. [quote currency]"""
    size_base: float
    """[base coins]"""
    leverage: float
    """Notional at entry over margin. [ratio]"""
    maintenance_margin_pct: float
    """Of the notional; below it the venue liquidates. [%]"""
    stop_price: float | None = None
    """[quote currency]"""
    target_price: float | None = None
    """[quote currency]"""
    note: str | None = None
    exit_price: float | None = None
    """[quote currency]"""
    opened_ts: datetime
    closed_ts: datetime | None = None


Record = (
    Instrument
    | Snapshot
    | Cycle
    | Liquidation
    | Gap
    | AlertEvent
    | AlertAction
    | AlertDelivery
    | Trade
)
