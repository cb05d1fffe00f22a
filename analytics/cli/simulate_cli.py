"""``perpscope simulate-trades``: what signals would have earned, as tables, CSV and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import formats
from analytics.cli import query_cli
from analytics.errors import QueryError
from analytics.quantities import QUANTITIES
from analytics.rules.rules_file import Rule
from analytics.rules.sweep import vary
from analytics.trades.simulated import options, simulation
from analytics.trades.simulated.conditions import Conditions, OfRule
from analytics.trades.simulated.equity_figures import CurveFigures, Ratio
from analytics.trades.simulated.request import Asked, plan, record, source
from analytics.trades.simulated.simulation import Simulation
from analytics.trades.simulated.summary import Results, results
from analytics.trades.simulated.walk_forward import WINDOW_TIMES, Walk, by_window, on_record

SHOWN: Final = 20
"""Rows of a table for people."""
_MINUTE: Final = "%Y-%m-%d %H:%M"
_JUDGED: Final = ("pnl_usd", "mae_pct", "mfe_pct")


def simulate(folder: Path, asked: Asked, rules: Sequence[Rule], wall: datetime) -> Simulation:
    """Return the simulation that was asked for.

    Args:
        folder: Of the lake.
        asked: The options.
        rules: Among which a rule of the options is.
        wall: The wall time. UTC.

    Raises:
        QueryError: An option makes no sense, or there are no bars.
        RuleError: A condition is wrong, or there is no such rule.
        LakeError: The lake cannot be read, or nothing was published.
    """
    signals, how = source(asked, rules), plan(asked)
    with record(folder, asked, wall) as stretch:
        return simulation.run(stretch, signals, how)


def write(found: Simulation, console: Console) -> None:
    """Write figures, the last trades, and what was not filled or is not known."""
    run, trades = found.run, found.run.trades
    judged = results(run, found.panel, found.plan, found.funding)
    first, last = run.equity_usd.index[0], run.equity_usd.index[-1]
    pairs = formats.plural(len(found.panel.instruments), "pair")
    console.print(f"{pairs}, {found.panel.timeframe}, {first:{_MINUTE}} to {last:{_MINUTE}} UTC")
    console.print(_figures(judged))
    if not trades.empty:
        console.print(_last_trades(trades))
    if isinstance(note := judged.trades["note"], str):
        console.print(Text(f"No win rate, expectancy and ratios: {note}."))
    for sentence in _sentences(found):
        console.print(Text(sentence))


def _figures(judged: Results) -> Table:
    table = Table("", "trades", "buy and hold")
    of, curve, held = judged.trades, judged.curve, judged.held_curve
    held_costs = judged.held.trades
    for name in ("trade_count", "win_rate_pct", "profit_factor", "expectancy_usd"):
        table.add_row(QUANTITIES[name].title, Text(_with_bounds(of, name)), "")
    for name in ("gross_pnl_usd", "fee_usd", "slippage_usd", "funding_usd", "pnl_usd"):
        costs = "" if name == "gross_pnl_usd" else _written(name, held_costs[name].sum(min_count=1))
        table.add_row(QUANTITIES[name].title, _written(name, of[name]), costs)
    for label, cells in _of_curves(curve, held).items():
        table.add_row(label, *map(Text, cells))
    if judged.random is not None:
        title = QUANTITIES["random_percentile"].title
        table.add_row(title, _written("random_percentile", judged.random.percentile), "")
    return table


def _of_curves(curve: CurveFigures, held: CurveFigures) -> dict[str, tuple[str, str]]:
    plain = ("total_return_pct", "time_in_market_pct", "exposure_pct")
    found = {
        QUANTITIES[name].title: (
            _written(name, getattr(curve, name)),
            _written(name, getattr(held, name)),
        )
        for name in plain
    }
    found["Drawdown, deepest"] = (
        _written("drawdown_pct", curve.drawdown.depth_pct),
        _written("drawdown_pct", held.drawdown.depth_pct),
    )
    for name in ("sharpe", "sortino"):
        found[QUANTITIES[name].title] = (_ratio(getattr(curve, name)), _ratio(getattr(held, name)))
    return found


def _written(name: str, value: Any) -> str:
    return QUANTITIES[name].write(None if pd.isna(value) else value)


def _with_bounds(of: pd.Series[Any], name: str) -> str:
    text = _written(name, of[name])
    if f"{name}_low" not in of or pd.isna(of[f"{name}_low"]):
        return text
    low, high = (_written(name, of[f"{name}_{end}"]) for end in ("low", "high"))
    return f"{text} ({low} to {high})"


def _ratio(one: Ratio) -> str:
    if pd.isna(one.value):
        return formats.ABSENT
    bounds = "" if pd.isna(one.low) else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{bounds}"


def _last_trades(trades: pd.DataFrame) -> Table:
    judged = (QUANTITIES[name].title for name in _JUDGED)
    heads = ("pair", "side", "entry", "price", "exit", "price", "by", *judged)
    table = Table(*heads, title=f"Last {min(len(trades), SHOWN)} of {formats.count(len(trades))}")
    for row in trades.tail(SHOWN).to_dict("records"):
        left = formats.ABSENT if pd.isna(row["exit_ts"]) else f"{row['exit_ts']:{_MINUTE}}"
        cells = (
            formats.on_venue(row["symbol"], row["venue"]),
            row["side"],
            f"{row['entry_ts']:{_MINUTE}}",
            formats.price(row["entry_price"]),
            left,
            _written("exit_price", row["exit_price"]),
            row["exit_reason"],
            *(_written(name, row[name]) for name in _JUDGED),
        )
        table.add_row(*map(Text, cells))
    return table


def _sentences(found: Simulation) -> list[str]:
    trades, said = found.run.trades, []
    if trades.empty and found.run.unfilled.empty:
        return ["Nothing signalled an entry."]
    for reason, rows in found.run.unfilled.groupby("reason", sort=False):
        said.append(f"Not filled: {formats.plural(len(rows), 'signal')}, {reason}.")
    without = trades[trades["settlements_missing"] > 0]
    if len(without):
        missing, due = (int(trades[name].sum()) for name in ("settlements_missing", "settlements"))
        said.append(
            f"Funding: {formats.count(missing)} of {formats.count(due)} settlements are not "
            f"recorded; the PnL of {formats.plural(len(without), 'trade')} is without them."
        )
    if (still := int(trades["exit_ts"].isna().sum())) > 0:
        said.append(f"Open at the end: {formats.plural(still, 'trade')}, at the last close.")
    return said or ["Every signal was filled, and every settlement is recorded."]


def export_csv(found: Simulation, path: str) -> None:
    """Write the trades to the file at *path*, or to stdout where that is ``-``."""
    _export(path, lambda out: query_cli.write(_table(found.run.trades), "csv", out))


def export_json(found: Simulation, path: str) -> None:
    """Write trades, equity, exposure and what was not filled, likewise."""
    run = found.run
    curves = pd.DataFrame({"equity_usd": run.equity_usd, "exposure_usd": run.exposure_usd})
    parts = {"trades": run.trades, "account": curves.reset_index(), "unfilled": run.unfilled}
    said = {name: _objects(_table(frame)) for name, frame in parts.items()}
    _export(path, lambda out: out.write(f"{json.dumps(said, allow_nan=False)}\n"))


def write_check(
    folder: Path, asked: Asked, rules: Sequence[Rule], console: Console, wall: datetime
) -> bool:
    """Write whether signals look ahead, and return whether none does; raises as `simulate`."""
    signals, how = source(asked, rules), plan(asked)
    with record(folder, asked, wall) as stretch:
        found = simulation.looks_ahead(stretch, signals, how)
    if found.empty:
        console.print("Nothing looks ahead: no signal changed where the record was cut short.")
        return True
    table = Table("pair", "signal", "bar ended", "record cut at", "was then")
    for row in found.head(SHOWN).to_dict("records"):
        times = (f"{row[name]:{_MINUTE}}" for name in ("signal_ts", "cut_ts"))
        pair = formats.on_venue(row["symbol"], row["venue"])
        table.add_row(*map(Text, (pair, row["signal"], *times, row["was"])))
    console.print(table)
    changed = formats.plural(len(found), "signal")
    console.print(Text(f"Looks ahead: later bars changed {changed}."))
    return False


def write_walk_forward(
    folder: Path,
    asked: Asked,
    walk: tuple[str, Sequence[str], str],
    rules: Sequence[Rule],
    console: Console,
    wall: datetime,
) -> None:
    """Write how parameters chosen on one window did on the next.

    Args:
        folder: Of the lake.
        asked: The options.
        walk: Both windows as ``14d:7d``; what is varied, ``period=7:28:7``; by which measure.
        rules: As for `simulate`.
        console: Gets a row per window.
        wall: The wall time. UTC.

    Raises:
        QueryError: As `simulate`, or the signals have no parameters, or a window does not fit.
        LakeError: As `simulate`.
    """
    spans, varied, measure = walk
    model = source(asked, rules)
    if isinstance(model, Conditions | OfRule):
        raise QueryError("--walk-forward: a rule or an expression has no parameters to choose")
    both = spans.split(":")
    if len(both) != 2 or not varied:
        raise QueryError("--walk-forward: write 14d:7d, and what to try as --vary period=7:28:7")
    train, test = (options.time_span("--walk-forward", text) for text in both)
    tried = Walk(tuple(map(vary, varied)), train, test, measure)
    with record(folder, asked, wall) as stretch:
        found, _ = on_record(stretch, model, plan(asked), tried)
    _write_windows(found, [text.partition("=")[0] for text in varied], measure, console)


def _write_windows(
    found: pd.DataFrame, names: Sequence[str], measure: str, console: Console
) -> None:
    title, pnl = QUANTITIES[measure].title, QUANTITIES["pnl_usd"].title
    heads = ("window", "chosen from", "judged from", "to", *names)
    table = Table(*heads, f"{title}, chosen on", f"{title}, judged", "rank", "trades", pnl)
    mean = found.groupby("parameters")["test_pnl_usd"].sum()
    chosen, sets = by_window(found, measure).dropna(subset=["parameters"]), len(mean)
    for row in chosen.to_dict("records"):
        times = (f"{row[name]:{_MINUTE}}" for name in WINDOW_TIMES)
        rank = formats.ABSENT if pd.isna(row["rank"]) else f"{row['rank']:.0f} of {sets}"
        cells = (
            str(row["window"]),
            *times,
            *(f"{value:g}" for value in row["parameters"]),
            *(_written(measure, row[f"{half}_{measure}"]) for half in ("train", "test")),
            rank,
            formats.count(int(row["test_trades"])),
            _written("pnl_usd", row["test_pnl_usd"]),
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    total = chosen["test_pnl_usd"].sum()
    console.print(
        Text(
            f"Judged windows together: {_written('pnl_usd', total)}; of every set alike, between "
            f"{_written('pnl_usd', mean.min())} and {_written('pnl_usd', mean.max())}."
        )
    )
    if lacking := found["window"].nunique() - len(chosen):
        console.print(Text(f"No set has a {title} in {formats.plural(lacking, 'window')}."))


def _table(frame: pd.DataFrame) -> pa.Table:
    """Return *frame* with its times as the lake has them: UTC without a zone."""
    times = frame.select_dtypes("datetimetz").columns
    plain = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in times})
    return pa.Table.from_pandas(plain, preserve_index=False)


def _objects(table: pa.Table) -> list[dict[str, Any]]:
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in query_cli.plain_rows(table)]


def _export(path: str, write_to: Any) -> None:
    if path == "-":
        write_to(sys.stdout)
        return
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as out:
            write_to(out)
    except OSError as error:
        raise QueryError(
            f"{formats.repeated(path)}: cannot be written ({error.strerror})"
        ) from error
