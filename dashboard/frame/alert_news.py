"""The bell in the header, and toasts for alerts that fired since this browser last looked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.palette import Colors, colors
from analytics.rules import episode_words
from dashboard.frame import notifications, trade_news
from dashboard.loaders import alert_episodes, shown_moment
from dashboard.state import as_of

_SPAN: Final = timedelta(days=1)
"""What fired earlier is no news."""
_FIRST: Final = timedelta(minutes=15)
"""A browser that never looked is told of so much."""
_MAX_GROUPS: Final = 6
"""Lines at once."""
_TOLD: Final = ("critical", "warning")
"""Severities that are told on every page."""

_KEY: Final = "alert_news"
_SINCE: Final = "alert_news_since"

_STYLE: Final = """
<style>
.st-key-alert_news, .st-key-alert_news_code { display: none }
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-alert_bell"]) { position: fixed; top: 1rem;
  right: 8.5rem; width: auto; z-index: 999991 }
[class*="st-key-alert_bell"] a { padding: 0.1rem 0.4rem }
.st-key-alert_bell_quiet p { position: absolute; clip-path: inset(50%) }
@media (max-width: 640px) {
  [data-testid="stLayoutWrapper"]:has(> [class*="st-key-alert_bell"]) { right: 3.5rem } }
</style>
"""

_DRAW: Final = """
export default async (component) => {
  globalThis.perpscopeNews ??= Promise.withResolvers()
  return (await globalThis.perpscopeNews.promise)(component)
}
"""

_CODE: Final = """
const PLACE = "perpscope-alerts-seen", OWN = "perpscope-own-alerts"
const STAYS_MS = 15000, MAX_TOASTS = 8, REPEAT_MS = 60000
const CSS = `
#perpscope-news { position: fixed; bottom: 1rem; right: 1rem; width: min(26rem, calc(100vw - 2rem));
  z-index: 1000000; display: flex; flex-direction: column; gap: 0.5rem;
  font: 0.875rem/1.35 "Source Sans", sans-serif }
#perpscope-news div { display: flex; gap: 0.5rem; align-items: flex-start; padding: 0.6rem 0.75rem;
  color: var(--text); background: var(--ground); border: 1px solid var(--border);
  border-left: 4px solid var(--tone); border-radius: 0.4rem; box-shadow: 0 2px 10px #0006 }
#perpscope-news a { flex: 1; color: inherit; text-decoration: none; overflow-wrap: anywhere }
#perpscope-news a:hover, #perpscope-news a:focus-visible { text-decoration: underline }
#perpscope-news button { all: unset; cursor: pointer; padding: 0 0.3rem }
#perpscope-news button:focus-visible { outline: 2px solid var(--tone) }
`

function box(host) {
  let found = document.getElementById("perpscope-news")
  if (!found) {
    found = Object.assign(document.createElement("aside"), { id: "perpscope-news" })
    found.setAttribute("aria-label", "New alerts")
    found.setAttribute("aria-live", "polite")
    const style = document.createElement("style")
    style.textContent = CSS
    document.head.append(style)
    document.body.append(found)
  }
  const look = getComputedStyle(host)
  const of = { text: "text-color", ground: "secondary-background-color", border: "border-color" }
  for (const [name, value] of Object.entries(of))
    found.style.setProperty(`--${name}`, look.getPropertyValue(`--st-${value}`))
  return found
}

// The page of what a line is of, with the venues, pairs and thresholds that are chosen here.
function address({ path, asks }) {
  const link = new URL(path, location.origin)
  const kept = [...new URLSearchParams(location.search)].filter(([name]) =>
    !["at", "later", "venue", "symbol", "base"].includes(name))
  for (const [name, value] of [...kept, ...Object.entries(asks)])
    link.searchParams.append(name, value)
  return link.toString()
}

function show(line, into) {
  const item = document.createElement("div")
  item.style.setProperty("--tone", line.color)
  const link = document.createElement("a")
  link.href = address(line)
  link.textContent = line.text
  const close = Object.assign(document.createElement("button"), { textContent: "×" })
  close.type = "button"
  close.setAttribute("aria-label", "Close")
  close.onclick = () => item.remove()
  item.append(link, close)
  into.append(item)
  while (into.childElementCount > MAX_TOASTS) into.firstElementChild.remove()
  // What is critical stays until it is closed.
  if (line.stays) return
  let timer
  const wait = () => { timer = setTimeout(() => item.remove(), STAYS_MS) }
  item.onpointerenter = () => clearTimeout(timer)
  item.onpointerleave = wait
  wait()
}

function beep() {
  const context = new AudioContext()
  const tone = context.createOscillator(), volume = context.createGain()
  volume.gain.value = 0.08
  tone.frequency.value = 880
  tone.connect(volume).connect(context.destination)
  tone.onended = () => context.close()
  tone.start()
  tone.stop(context.currentTime + 0.18)
}

function stored(place) {
  try {
    return JSON.parse(localStorage.getItem(place))
  } catch {
    return null
  }
}

// Those that no tab of this browser has shown within a minute, or within what a line says.
function unshown(lines) {
  const now = Date.now()
  const before = (stored(OWN) ?? [])
    .filter(({ at, lasts }) => now - at < (lasts ?? REPEAT_MS))
  const fresh = lines.filter(({ text }) => !before.some((one) => one.text === text))
  if (fresh.length)
    localStorage.setItem(OWN, JSON.stringify(
      [...before, ...fresh.map(({ text, lasts_ms }) => ({ text, at: now, lasts: lasts_ms }))]))
  return fresh
}

function news({ data, parentElement, setStateValue }) {
  const seen = stored(PLACE)
  const lines = []
  if (data.newest !== null && !(seen >= data.newest)) {
    // Told since another time than this browser last looked: ask for what is new to it.
    if (seen !== null && seen !== data.since) setStateValue("seen", seen)
    else {
      lines.push(...data.lines)
      localStorage.setItem(PLACE, JSON.stringify(data.newest))
    }
  }
  if (data.own.length && data.run !== globalThis.perpscopeOwnRun) {
    globalThis.perpscopeOwnRun = data.run
    lines.push(...unshown(data.own))
  }
  if (!lines.length) return
  const into = box(parentElement.host ?? parentElement)
  for (const line of lines) show(line, into)
  if (data.sound) beep()
}

globalThis.perpscopeNews ??= Promise.withResolvers()
globalThis.perpscopeNews.resolve(news)
export default () => {}
"""

_component = st.components.v2.component
_news = _component("perpscope_news", html="<span></span>", js=_DRAW)
_code = _component("perpscope_news_code", html="<span></span>", js=_CODE)


def load_news_code() -> None:
    """Send the code of toasts once, by the frame: a refresh sends what is new alone."""
    st.html(_STYLE)
    _code(key="alert_news_code")


def alert_news() -> None:
    """Draw the bell, and have the browser show what it has not shown yet.

    Both are of the present, whatever time the page shows; nothing is new in an uploaded record.
    To be called in every refresh.
    """
    try:
        shown = shown_moment.moment()
        if shown.is_uploaded:
            return
        episodes = alert_episodes.episodes(shown, _SPAN)
        held = trade_news.held(shown)
    except PerpscopeError:
        # The page says what is wrong with the lake.
        return
    _bell(len(alert_episodes.unattended(episodes)))
    first = st.session_state.setdefault(_SINCE, shown.now - _FIRST)
    asked = getattr(st.session_state.get(_KEY), "seen", None)
    since = int(asked) if isinstance(asked, int | float) else _milliseconds(first)
    look = colors(st.context.theme.type)
    fired = _fired(episodes, held)
    newest = None if fired.empty else _milliseconds(fired["fired_ts"].max())
    own = [
        *notifications.beyond_own_thresholds(shown, look),
        *trade_news.trade_lines(shown, look),
    ]
    data = {
        "since": since,
        "newest": newest,
        "lines": list(lines(fired[fired["fired_ts"] > _time(since, shown.now)], look)),
        "own": own,
        "run": notifications.run() + trade_news.run() if own else 0,
        "sound": notifications.with_sound(),
    }
    _news(key=_KEY, data=data, on_seen_change=lambda: None)


def lines(fired: pd.DataFrame, look: Colors) -> Iterator[dict[str, Any]]:
    """Return what toasts say of the episodes that *fired*: a line for each group, gravest first."""
    order = list(episode_words.MARKS)
    groups = sorted(
        (rows for _, rows in fired.groupby("alert_group", sort=False)),
        key=lambda rows: min(map(order.index, rows["severity"])),
    )
    for rows in groups[:_MAX_GROUPS]:
        yield _line(rows, look)
    if rest := groups[_MAX_GROUPS:]:
        words = f"{formats.plural(sum(map(len, rest)), 'alert')} in {len(rest):,} more groups"
        yield {"text": words, "path": "/alerts", "asks": {}, "color": look.text, "stays": False}


def _line(rows: pd.DataFrame, look: Colors) -> dict[str, Any]:
    """Return the line of a group."""
    newest: dict[Any, Any] = rows.iloc[0].to_dict()
    severity = min(rows["severity"], key=list(episode_words.MARKS).index)
    at = episode_words.told_at(newest)
    place, subjects = {}, list(dict.fromkeys(rows["about"]))
    if len(subjects) == 1:
        place = episode_words.on_market(newest)
        said = str(newest["message"])
        text = said if subjects[0] in said else f"{subjects[0]}: {said}"
    else:
        kinds = set(rows["per"])
        counted = formats.plural(len(subjects), kinds.pop() if len(kinds) == 1 else "subject")
        text = f"{newest['alert_group']}: {counted}, {formats.listed(subjects, 3)}"
    return {
        "text": f"{episode_words.MARKS[severity]} {text} · {formats.minute(at)} UTC",
        "path": "/market" if place else "/alerts",
        "asks": place | as_of.in_url(at) if place else {},
        "color": episode_words.color(severity, look),
        "stays": severity == "critical",
    }


def _bell(count: int) -> None:
    words = f"{formats.plural(count, 'alert')} firing, not acknowledged"
    with st.container(key="alert_bell" if count else "alert_bell_quiet"):
        st.page_link(
            "app_pages/alerts.py",
            label=f"{count:,}" if count else "No alerts",
            icon=":material/notifications_active:" if count else ":material/notifications:",
            help=words,
        )


def _fired(episodes: pd.DataFrame, held: trade_news.Held) -> pd.DataFrame:
    """Return the *episodes* that people are told of, mild ones too where a trade is *held*."""
    told = episodes["severity"].isin(_TOLD) | held.concerns(episodes)
    told &= episodes["fired_ts"].notna()
    return episodes[told & episodes["acknowledged_ts"].isna() & episodes["silenced_until"].isna()]


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _time(since: int, now: datetime) -> pd.Timestamp:
    """Return the time *since* [ms], which users can edit, not further back than what is news."""
    earliest = _milliseconds(now - 2 * _SPAN)
    return pd.Timestamp(min(max(since, earliest), _milliseconds(now)), unit="ms", tz=UTC)
