"""Conditions as users write them: what is refused, with which words, and what unknown means."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import pytest

from analytics.errors import RuleError
from analytics.rules.expression import LONGEST, ColumnKind, evaluate, parse

COLUMNS: Final[Mapping[str, ColumnKind]] = {
    "z_oi": "number",
    "ls_accounts": "number",
    "book_imbalance_pct": "number",
    "venue": "text",
    "partial": "boolean",
}


def test_a_condition_of_several_values_reads_the_columns_that_it_names() -> None:
    written = "z_oi > 2.5 and ls_accounts > 2\n  AND abs(book_imbalance_pct) > 3 -- the seed's own"
    same = "z_oi>2.5 and ls_accounts>2 and abs(book_imbalance_pct)>3"
    expression = parse(written, COLUMNS)
    assert expression.columns == {"z_oi", "ls_accounts", "book_imbalance_pct"}
    assert expression == parse(same, COLUMNS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "character 1: SELECT clause without selection list"),
        ("z_oi >", "character 7: syntax error at end of input"),
        ("z_oii > 2", "character 1: no value is called 'z_oii'; did you mean z_oi?"),
        ("partial and Z_OI > 1", "character 13: no value is called 'Z_OI'; did you mean z_oi?"),
        ("t.z_oi > 1", "character 1: no value is called 't.z_oi'; did you mean z_oi?"),
        ("qqqq > 1", "character 1: no value is called 'qqqq'; GLOSSARY.md lists the names"),
        ("z_oi", "this is a number, not a condition; compare it, as in z_oi > 2.5"),
        ("venue > 3", "character 9: a text belongs here, not a number"),
        ("z_oi and partial", "character 1: a boolean belongs here, not a number"),
        ("case when partial then 1 else 'x' end = 1", "character 31: a number belongs here"),
        ("z_oi > null", "character 8: null is neither equal nor unequal; write: is null"),
        ("z_oi > 1e999", "character 8: the number is too large"),
        ("abs(z_oi, 2) > 1", "No function matches"),
        ("z_oi > 1; select 1", "several statements; write one condition"),
        ("z_oi > 1; drop table x", "several statements; write one condition"),
        ("z_oi > 1, partial", "write one condition; join several by and, or"),
        ("z_oi > 1 as x", "write one condition; join several by and, or"),
        ("not " * 60 + "partial", "nested more than 40 levels deep"),
        ("not " * 490 + "partial", "nested more than 40 levels deep"),
        ("z_oi > 1" + " " * LONGEST, f"{LONGEST + 8} characters long; at most {LONGEST}"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse(text, COLUMNS)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "(select 1) > 1",
        "exists (select 1)",
        "z_oi > 1 from snapshots",
        "z_oi > 1 where partial",
        "z_oi > 1 order by 1",
        "distinct partial",
        "partial union select true",
        "partial limit 1",
        "read_csv('/etc/passwd') > 1",
        "getenv('HOME') = 'x'",
        "current_setting('threads') = '1'",
        "sum(z_oi) > 1",
        "sum(z_oi) over () > 1",
        "random() > 0.5",
        "now() is null",
        "z_oi::int > 1",
        "venue like 'b%'",
        "[z_oi] = [1]",
        "* > 1",
        "columns('z.*') > 1",
        "z_oi > $1",
        "z_oi > interval 1 day",
        "x -> x > 1",
        "try(partial)",
        "abs(distinct z_oi) > 1",
        "main.abs(z_oi) > 1",
    ],
)
def test_nothing_outside_the_frame_can_be_reached(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text, COLUMNS)


def test_what_cannot_be_computed_is_unknown() -> None:
    frame = pd.DataFrame(
        {"z_oi": [3.0, np.nan, 0.0, -1.0], "venue": ["okx", None, "okx", "bybit"]},
        index=[5, 6, 7, 8],
    )
    written = {
        "quotient": "1 / z_oi > 0.1",
        "logarithm": "ln(z_oi) > 0",
        "root": "sqrt(z_oi) > 1",
        "venue": "venue in ('okx')",
        "absent": "z_oi is null",
        "replaced": "coalesce(z_oi, 9) > 5",
        "either": "z_oi > 2 or venue = 'okx'",
        "constant": "1 / 0 > 1",
    }
    found = evaluate({name: parse(text, COLUMNS) for name, text in written.items()}, frame)
    assert list(found.index) == [5, 6, 7, 8]
    assert {name: list(found[name].astype(object)) for name in written} == {
        "quotient": [True, pd.NA, pd.NA, False],
        "logarithm": [True, pd.NA, pd.NA, pd.NA],
        "root": [True, pd.NA, False, pd.NA],
        "venue": [True, pd.NA, True, False],
        "absent": [False, True, False, False],
        "replaced": [False, True, False, False],
        "either": [True, pd.NA, True, False],
        "constant": [pd.NA] * 4,
    }


def test_an_empty_frame_and_no_rules_are_no_error() -> None:
    expression = parse("z_oi > 1", COLUMNS)
    assert evaluate({"a": expression}, pd.DataFrame({"z_oi": []})).empty
    assert evaluate({}, pd.DataFrame({"z_oi": [1.0]})).shape == (1, 0)
