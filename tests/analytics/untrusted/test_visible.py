"""What strangers' text hides is written out, and nothing else is changed."""

import json
from pathlib import Path

import pytest

from analytics.errors import ImportRefused, VenueUnavailable
from analytics.untrusted.visible import visible


@pytest.mark.parametrize(
    "text", ["BTC/USDT:USDT", "币安人生", "Ünïcödé – 50 %", "a b", "", "👍", r"\u202e"]
)
def test_what_can_be_seen_stays_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    "letter",
    ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\xad", "\u200b", "\u202e", "\u2028"]
    + ["\u2066", "\ufeff", "\ud800", "\U000e0001"],
)
def test_what_acts_unseen_is_written_as_json_writes_it(letter):
    """And so JSON reads it back."""
    shown = visible(f"a{letter}b")

    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == f"a{letter}b"


def test_the_words_of_a_venue_are_seen_in_errors():
    """They go to terminals, logs and pages."""
    error = VenueUnavailable("okx", "tickers", "no\x1b[2J\u202e")

    assert str(error) == r"okx: tickers: no\u001b[2J\u202e"
    assert error.reason == r"no\u001b[2J\u202e"


def test_the_name_of_a_file_is_seen_in_a_refusal():
    """A zip of a stranger's names its members as it likes."""
    refusal = ImportRefused(Path("a\x1b[2J.zip"), "it has no \u202egpj.csv")

    assert str(refusal) == r"a\u001b[2J.zip: it has no \u202egpj.csv; nothing was stored"
