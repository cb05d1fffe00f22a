"""Signals in words, with the legend of their marks: for the Wallboard and for Overview."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from analytics import formats
from analytics.palette import Colors
from analytics.signals.fired import Signal
from analytics.signals.sentences import LEGEND, TONES, gravest_first, in_words, tone_color


def signal_lines(signals: Sequence[Signal], colors: Colors, most: int) -> list[str]:
    """Return the gravest *signals* as HTML, of one kind the largest first; at most *most*."""
    if not signals:
        return ['<p class="said">No signals in the last closed bar.</p>']
    lines = [
        f'<p class="signal"><i style="color:{one.color(colors)}">{one.mark}</i>'
        f"<span><b>{escape(one.subject)}</b> {escape(one.sentence)}</span></p>"
        for one in map(in_words, gravest_first(signals)[:most])
    ]
    if (more := len(signals) - most) > 0:
        lines.append(f'<p class="said">and {formats.plural(more, "other")}</p>')
    return lines


def signal_legend(colors: Colors) -> str:
    """Return what the marks and their colours mean, as HTML."""
    marks = "; ".join(f"{mark} {escape(words)}" for mark, words in LEGEND.items())
    tones = ", ".join(
        f'<span style="color:{tone_color(tone, colors)}">{words}</span>'
        for tone, words in TONES.items()
    )
    return f'<p class="legend">{marks}. Colours: {tones}.</p>'
