"""What venues and errors say is shown as words: no headings, no code, no pages of it."""

from __future__ import annotations

import re

import pytest

from dashboard.frame.error_boundary import plain

ANSWER = "okx: 502: <h1>Bad</h1>\n===\n    nginx & co = down\n---\n1) #one\n> two\n"


def shown(markdown):
    """Return what Markdown shows where every sign is escaped."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


def test_lines_are_joined_and_no_sign_is_markup():
    """Underlined lines would be headings, and indented ones code."""
    written = plain(ANSWER)

    assert shown(written) == "okx: 502: <h1>Bad</h1> === nginx & co = down --- 1) #one > two"
    assert "\n" not in written
    assert re.search(r"(?<!\\)[=&<>#`*_-]", written.replace("\\\\", "")) is None


@pytest.mark.parametrize("address", ["https://evil.example", "WWW.evil.example", "me@evil.example"])
def test_an_address_is_no_link(address):
    """Markdown finds those in escaped words as well, unless something stands in them."""
    written = plain(f"see {address}")

    assert address not in shown(written)
    assert shown(written).replace("\u2060", "") == f"see {address}"


@pytest.mark.parametrize("path", ["health", "exchanges"])
def test_a_very_long_answer_is_cut_short(opened, record, path):
    """A whole page of HTML in place of JSON is a common one."""
    record.snapshot("BTC/USDT:USDT", price=1.0, oi_usd=1e9)
    record.cycle(venue="okx", answered=0, error=ANSWER + 300 * "<p>sorry</p>\n")

    page = opened(f"app_pages/{path}.py")
    (said,) = (shown(part.value) for part in (*page.error, *page.markdown) if "nginx" in part.value)

    assert "502: <h1>Bad</h1> === nginx & co = down" in said
    assert 250 < len(said) < 450
    assert "…" in said


def test_a_very_long_question_is_not_repeated_in_full(opened, record):
    """What cannot be understood comes back in the page's own error."""
    record.snapshot("BTC/USDT:USDT", price=1.0)

    page = opened("app_pages/exchanges.py", at="x" * 3_000)

    assert max(len(box.value) for box in page.error) < 350
