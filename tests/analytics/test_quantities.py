"""The table of quantities: the same as GLOSSARY.md, and the only place that says what it says."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest

from analytics.formats import KINDS
from analytics.quantities import QUANTITIES

ROOT = Path(__file__).parents[2]


def glossary():
    """Name, title and unit of each quantity, as the glossary states them."""
    table = (ROOT / "GLOSSARY.md").read_text().partition("## Quantities")[2]
    rows = re.findall(r"^\| (.*) \|$", table.partition("\n## ")[0], re.MULTILINE)
    for row in rows[1:]:
        names, titles, units, *_ = re.split(r" (?<!\\)\| ", row)
        names = re.sub(r" \(.*\)$", "", names).split(", ")
        titles, units = titles.split("; "), units.split(", ")
        units = units if len(units) == len(names) else [", ".join(units)] * len(names)
        yield from zip(names, titles, units, strict=True)


def test_the_glossary_and_the_table_say_the_same():
    """Names, titles and units, in both directions, each once."""
    stated = sorted(glossary())

    assert stated == sorted((one.name, one.title, one.unit) for one in QUANTITIES.values())
    assert len(stated) == len({name for name, *_ in stated})


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda one: one.name)
def test_every_quantity_can_be_written(quantity):
    """What it is made of is a quantity as well, and absence is a dash."""
    assert quantity.of is None or quantity.of in QUANTITIES
    assert len(quantity.short) <= len(quantity.title)
    if quantity.kind not in ("text", "flag"):
        assert quantity.write(math.nan) == quantity.write_change(None) == "–"
        assert quantity.write(1.0)


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("funding_8h_pct", 0.0042, "+0.0042 %"),
        ("funding_delta_pp", -0.00004, "0.0000 pp"),
        ("basis_pct", -0.0123, "-0.0123 %"),
        ("oi_delta_pct", 1.2345, "+1.23 %"),
        ("z_oi", 2.5, "+2.50"),
        ("rsi_14", 71.25, "71.2"),
        ("band_pct", 98.7, "99 %"),
        ("oi_share_pct", 12.34, "12.3 %"),
        ("spread_bps", 1.234, "1.23 bps"),
        ("oi_base", 93_123.4, "93.12K"),
        ("oi_usd", 9.15e9, "$9.15B"),
        ("oi_price_usd", 1.5e6, "+$1.50M"),
        ("ls_accounts", 1.925, "1.93"),
        ("funding_interval_h", 8, "8 h"),
        ("oi_delta_s", 3600, "1 h"),
    ],
)
def test_a_quantity_is_written_one_way(name, value, written):
    assert QUANTITIES[name].write(value) == written


@pytest.mark.parametrize(
    ("name", "difference", "written"),
    [
        ("global_oi_usd", -3.1, "-3.10 %"),
        ("funding_8h_pct", 0.0012, "+0.0012 pp"),
        ("ls_accounts", 0.05, "+0.05"),
        ("liquidations_1h_usd", 1.23e6, "+$1.23M"),
        ("breadth_pct", 4.4, "+4 pp"),
    ],
)
def test_a_change_is_a_part_of_an_amount_or_a_difference(name, difference, written):
    assert QUANTITIES[name].write_change(difference) == written


def test_signs_are_the_same_on_screens_in_sheets_and_in_charts():
    """z was once signed on the screen alone."""
    from analytics.formats import plotly_format, sheet_format, writer

    for kind, how in KINDS.items():
        if kind in ("text", "time", "flag"):
            continue
        assert sheet_format(kind).startswith("+") == how.signed
        assert plotly_format(kind).startswith("+") == how.signed
        assert writer(kind)(3.0).startswith("+") == how.signed


ORDINARY = {"Share", "Side", "Age", "Quantity", "Refused", "Streams", "Coverage", "Flags", "Linear"}
ORDINARY |= {"z", "r", "24 h", "Correlation"}
"""Titles that are words with other meanings as well: a page, a field, a stretch of time."""

OTHERWISE = ("dashboard/app_pages/correlation.py", "Spread")
"""Of colours, not of a book."""

DIGITS = re.compile(r"%\{\w+:[^}]*\d~?f\}|^[+,$]*\.\d~?f$|^%\.[1-9]f")
"""What tells Plotly or Streamlit how many digits to write."""


def texts(file):
    """The literal texts of *file*, with their lines: no docstrings, no formats of an f-string."""
    tree = ast.parse(file.read_text())
    others = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    others |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec
        for part in ast.walk(node.format_spec)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in others
        ):
            yield node.lineno, node.value


def product():
    """The files that name quantities, other than those that say what they are."""
    files = [path for part in ("analytics", "dashboard") for path in (ROOT / part).rglob("*.py")]
    return [path for path in files if path.name not in ("quantities.py", "formats.py")]


def test_no_other_file_states_a_title():
    """A column, card, pane or sentence that has its own words for a quantity drifts."""
    named = {name for one in QUANTITIES.values() for name in (one.title, one.short)} - ORDINARY
    own = re.compile(
        rf"({'|'.join(map(re.escape, sorted(named, key=len, reverse=True)))})"
        r"(?:$|, (?:sum|weighted|%|OI-weighted|known)$| \[)"
    )
    stated = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in product()
        for line, text in texts(path)
        if own.match(text) and (str(path.relative_to(ROOT)), text) != OTHERWISE
    ]

    assert stated == []


def test_no_other_file_states_how_many_digits():
    """Neither to a writer of ``formats`` nor to Plotly or Streamlit."""
    writers = {how.write.__name__ for how in KINDS.values()}
    stated = []
    for path in product():
        calls = (
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        )
        stated += [
            f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
            for call in calls
            if len(call.args) > 1
            and ast.unparse(call.func).startswith("formats.")
            and ast.unparse(call.func).removeprefix("formats.") in writers
        ]
        stated += [
            f"{path.relative_to(ROOT)}:{line}: {text}"
            for line, text in texts(path)
            if DIGITS.search(text)
        ]

    assert stated == []
