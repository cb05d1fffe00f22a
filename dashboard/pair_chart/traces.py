"""What the Market chart draws in each pane: histories in, series of the linked chart out.

A series names its lines, which go to the browser as numbers; NaN stays a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import formats
from analytics.market.pair_history import History
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.rules import episode_words
from analytics.signals.fired import Signal
from analytics.signals.sentences import in_words
from dashboard.pair_chart.panes import MODELS, Pane
from dashboard.pair_chart.scales import GRAVEST

Line = NDArray[np.float64]
Series = dict[str, Any]

MAX_CANDLES: Final = 1_200
"""More bars than this are thinner than a candle: their closes are drawn as a line."""

_CARRIED: Final = {"funding_8h_pct": "funding_carried_8h_pct"}
"""Lines whose gaps are filled by what is known before them, and what fills them."""


def title(name: str) -> str:
    """Return what the line called *name* is called in a chart."""
    return QUANTITIES["price" if name == "close" else name].title


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is drawn from and in which colours, and the lines that were asked for so far."""

    history: History
    colors: Colors
    lines: dict[str, Line] = field(default_factory=dict)

    def own(self, *names: str) -> list[str]:
        """Return *names* after taking these lines of the history to be sent."""
        self.lines.update({name: self.history.lines[name] for name in names})
        return list(names)

    def known(self, name: str) -> str | None:
        """Return the name of the line of how much is known of *name*, where that is not all."""
        if not (partial := self.history.partial(name)).any():
            return None
        place = f"{name} known"
        self.lines[place] = np.where(partial, self.history.coverage[name], 100.0)
        return place


def candles(canvas: Canvas) -> list[Series]:
    """Return candles: hollow where the price rose, filled where it fell."""
    history = canvas.history
    if len(history.times) > MAX_CANDLES or not np.isfinite(history.lines["open"]).any():
        return line(canvas, "close", canvas.colors.line)
    names = canvas.own("open", "high", "low", "close")
    return [_series("close", "candles", names, color=canvas.colors.line)]


def bands(canvas: Canvas) -> list[Series]:
    """Return the Bollinger bands: their edges, their middle, and the range between, shaded."""
    names = canvas.own(*(f"bollinger_{edge}" for edge in ("upper", "middle", "lower")))
    color = canvas.colors.line
    look: Series = {
        "color": faded(color, 0.55),
        "shade": faded(color, 0.08),
        "tag": False,
        "named": False,
    }
    return [_series("bands", "band", names, **look)]


def averages(canvas: Canvas, names: Sequence[str]) -> list[Series]:
    """Return the averages called *names*, each always in the same colour."""
    tints = dict(zip(("ema_20", "ema_50", "vwap"), canvas.colors.series[1:4], strict=True))
    look: Series = {"width": 1, "tag": False}
    return [
        _series(
            name,
            "line",
            canvas.own(name),
            color=tints[name],
            known=canvas.known(name),
            **look,
        )
        for name in names
    ]


def line(canvas: Canvas, name: str, color: str, *, steps: bool = False) -> list[Series]:
    """Return one line of the history; where it is partial, it is dotted, where carried, dashed."""
    known = canvas.known(name)
    drawn = [_series(name, "line", canvas.own(name), color=color, steps=steps, known=known)]
    carried = _CARRIED.get(name)
    if carried is not None and np.isfinite(canvas.history.lines[carried]).any():
        look: Series = {"steps": steps, "dash": "dashed", "tag": False, "named": False}
        drawn.append(_series(carried, "line", canvas.own(carried), color=color, **look))
    return drawn


def columns(canvas: Canvas, name: str) -> list[Series]:
    """Return columns: positive in the up colour, negative in the down colour."""
    colors = canvas.colors
    up = colors.up if (canvas.history.lines[name] < 0).any() else faded(colors.line, 0.75)
    known = canvas.known(name)
    return [_series(name, "columns", canvas.own(name), color=up, down=colors.down, known=known)]


def flows(canvas: Canvas, upwards: str, downwards: str) -> list[Series]:
    """Return two flows back to back, the second as negative values."""
    return [
        _series(
            name,
            "columns",
            canvas.own(name),
            color=color,
            down=color,
            known=canvas.known(name),
            negated=negated,
            tag=False,
        )
        for name, color, negated in (
            (upwards, canvas.colors.up, False),
            (downwards, canvas.colors.down, True),
        )
    ]


def others(canvas: Canvas, pane: Pane) -> list[Series]:
    """Return the line of *pane* of each other instrument of the base."""
    name = pane.lines[0]
    drawn = []
    for pair, lines in canvas.history.others.items():
        if not pane.by_venue or not np.isfinite(lines[name]).any():
            continue
        place = f"{name} {pair.venue} {pair.symbol}"
        canvas.lines[place] = lines[name]
        look: Series = {"color": canvas.colors.of_venue(pair.venue), "width": 1, "tag": False}
        one = _series(place, "line", [place], steps=pane.style == "steps", **look)
        drawn.append({**one, "title": formats.venue(pair.venue)})
    return drawn


def lanes() -> list[Series]:
    """Return the lanes of the signals, one for each mark of how grave they are."""
    return [_series("signals", "lanes", [], color="", tag=False)]


def marks(canvas: Canvas, signals: Sequence[Signal], step_s: int) -> list[dict[str, Any]]:
    """Return a mark for each of *signals*: at which bar, in which lane, and what it says."""
    first_s = int(canvas.history.times[0].astype("datetime64[s]").astype(int))
    return [
        {
            # The bar at whose end, or within which, it was first known.
            "bar": (int(signal.now.timestamp()) - 1 - first_s) // step_s,
            "lane": len(words.mark),
            "shape": "diamond" if len(words.mark) == GRAVEST else "line",
            "color": words.color(canvas.colors),
            "text": f"{words.mark} {words.subject}: {words.sentence}",
        }
        for signal in signals
        for words in [in_words(signal)]
    ]


def alert_marks(
    canvas: Canvas, alerts: Sequence[Mapping[Any, Any]], step_s: int
) -> list[dict[str, Any]]:
    """Return a mark for each of *alerts* that fired: at which bar, in which lane, what it says.

    Args:
        canvas: What they are drawn over.
        alerts: Rows of ``alert_episodes.sql``.
        step_s: Length of a bar. [s]
    """
    first_s = int(canvas.history.times[0].astype("datetime64[s]").astype(int))
    found = []
    for row in alerts:
        mark = episode_words.MARKS[row["severity"]]
        bar = (int(row["fired_ts"].timestamp()) - first_s) // step_s
        if not 0 <= bar < len(canvas.history.times):
            continue
        found.append(
            {
                "bar": bar,
                "lane": len(mark),
                "shape": "square",
                "color": episode_words.color(row["severity"], canvas.colors),
                "text": f"{mark} {row['rule']}, {episode_words.subject(row)}: {row['message']}",
            }
        )
    return found


def trade_marks(
    canvas: Canvas, trades: Mapping[str, pd.DataFrame], step_s: int
) -> list[dict[str, Any]]:
    """Return a mark for each fill of simulated *trades*: at which bar and price, what it says.

    Args:
        canvas: What they are drawn over.
        trades: Of ``SimulatedTrades``, by the name of their model.
        step_s: Length of a bar. [s]
    """
    first_s = int(canvas.history.times[0].astype("datetime64[s]").astype(int))
    found = []
    for model, rows in trades.items():
        for row in rows.to_dict("records"):
            for fill in _fills(MODELS[model], row):
                bar = (int(fill.pop("ts").timestamp()) - first_s) // step_s
                if 0 <= bar < len(canvas.history.times):
                    color = model_color(model, canvas.colors)
                    found.append({**fill, "bar": bar, "color": color})
    # The library wants them in the order of time.
    return sorted(found, key=lambda mark: mark["bar"])


def _fills(title: str, row: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    """Yield entry and exit of a trade as marks."""
    is_long = row["side"] == "long"
    entry = QUANTITIES["entry_price"].write(row["entry_price"])
    yield {
        "ts": row["entry_ts"],
        "price": row["entry_price"],
        "shape": "arrowUp" if is_long else "arrowDown",
        "position": "atPriceBottom" if is_long else "atPriceTop",
        "text": f"{title}: {row['side']} at {entry}",
    }
    if pd.isna(row["exit_ts"]):
        return
    left = QUANTITIES["exit_price"].write(row["exit_price"])
    net = QUANTITIES["return_pct"].write(row["return_pct"])
    # A stop or target is known to lie within the bar that ends then.
    within = pd.Timedelta(seconds=int(row["exit_reason"] in ("stop", "target")))
    yield {
        "ts": row["exit_ts"] - within,
        "price": row["exit_price"],
        "shape": "circle",
        "position": "atPriceMiddle",
        "text": f"{title}: {row['side']} from {entry} to {left} by {row['exit_reason']}, {net}",
    }


def trade_sums(trades: Mapping[str, pd.DataFrame], colors: Colors) -> list[dict[str, str]]:
    """Return name, colour and sum of the simulated *trades* of each model."""
    write = QUANTITIES["pnl_usd"].write
    return [
        {
            "name": MODELS[model],
            "color": model_color(model, colors),
            "value": formats.plural(len(rows), "trade")
            + (f", {write(rows['pnl_usd'].sum())}" if len(rows) else ""),
        }
        for model, rows in trades.items()
    ]


def model_color(model: str, colors: Colors) -> str:
    """Return the colour of the trades of a *model*, always the same."""
    return dict(zip(MODELS, (colors.series[n] for n in (0, 4, 5)), strict=True))[model]


def _series(name: str, kind: str, lines: list[str], *, color: str, **look: Any) -> Series:
    """Return a series of the chart with what is not said of it."""
    plain = {
        "title": title(name) if name in {*QUANTITIES, "close"} else name,
        "known": None,
        "down": color,
        "shade": "",
        "width": 1.5,
        "steps": False,
        "dash": "",
        "negated": False,
        "tag": True,
        "named": True,
    }
    return {"id": name, "kind": kind, "lines": lines, "color": color, **plain, **look}


def faded(color: str, opacity: float) -> str:
    """Return *color*, ``#RRGGBB``, as far as *opacity* lets it cover its ground."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
