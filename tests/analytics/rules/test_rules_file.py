"""``alerts.toml`` as people write it, right and wrong."""

from datetime import timedelta

import pytest

from analytics.errors import RuleError
from analytics.rules.episode import Waits
from analytics.rules.expression import ColumnKind
from analytics.rules.rules_file import LARGEST, MAX_RULES, Per, read_rules

PAIR: dict[str, ColumnKind] = {"z_oi": "number", "ls_accounts": "number", "venue": "text"}
COLUMNS: dict[Per, dict[str, ColumnKind]] = {
    "pair": PAIR,
    "asset": {"oi_usd": "number"},
    "market": {"breadth_pct": "number", "z_oi": "number"},
    "venue": {"z_oi": "number"},
}

CROWD = """
[[rule]]
name = "Crowd long"
when = "z_oi > 2.5 and ls_accounts > 2"
clear = "z_oi < 1"
timeframe = "1h"
venues = ["okx", "bybit"]
top = 50
for = "10m"
keep_firing_for = "90s"
cool_down = "4h"
severity = "critical"
group = "Positioning"
message = "{subject}: OI {z_oi:+.1f} sigma"
channels = ["desk"]
"""


def test_every_key_is_read() -> None:
    (rule,) = read_rules(CROWD.encode(), COLUMNS)
    assert (rule.name, rule.timeframe, rule.per, rule.severity) == (
        "Crowd long", "1h", "pair", "critical",
    )  # fmt: skip
    assert rule.when.columns == {"z_oi", "ls_accounts"}
    assert rule.clear is not None
    assert rule.clear.columns == {"z_oi"}
    assert (rule.scope.venues, rule.scope.pairs, rule.scope.top) == (("okx", "bybit"), (), 50)
    assert rule.waits == Waits(
        hold=timedelta(minutes=10), keep=timedelta(seconds=90), cool_down=timedelta(hours=4)
    )
    assert (rule.group, rule.channels) == ("Positioning", ("desk",))


def test_a_short_rule_has_plain_defaults() -> None:
    (rule,) = read_rules(b'[[rule]]\nname = "OI"\nwhen = "z_oi > 2.5"', COLUMNS)
    assert (rule.timeframe, rule.per, rule.severity, rule.group) == ("5m", "pair", "warning", "OI")
    assert (rule.clear, rule.waits, rule.scope.top) == (None, Waits(), None)
    assert read_rules(b"", COLUMNS) == ()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("z_oi > 2.5 and", "z_oi>2.5   and"), True),
        (('"critical"', '"info"'), True),
        (("sigma", "σ"), True),
        (("z_oi > 2.5", "z_oi > 2.6"), False),
        (("z_oi < 1", "z_oi < 2"), False),
        (('"10m"', '"11m"'), False),
        (("top = 50", "top = 51"), False),
        (('"1h"', '"4h"'), False),
    ],
)
def test_the_version_changes_with_what_decides_when_it_fires(
    change: tuple[str, str], *, same: bool
) -> None:
    (before,) = read_rules(CROWD.encode(), COLUMNS)
    (after,) = read_rules(CROWD.replace(*change).encode(), COLUMNS)
    assert (before.version == after.version) is same


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a = ", "this is not TOML"),
        (b"\xff", "byte 1 is not UTF-8 text"),
        (b"#" * (LARGEST + 1), "1,000,001 bytes; at most 1,000,000 are allowed"),
        (b"interval = 3", "'interval' is not known; a file holds [[rule]] tables"),
        (b"rule = 3", "write each rule as a [[rule]] table"),
        (b"[[rule]]\n" * (MAX_RULES + 1), "201 rules; at most 200 are allowed"),
        (b'[[rule]]\nwhen = "z_oi > 1"', "line 1: name is missing"),
        (b'[[rule]]\nname = "{x}"\nwhen = "z_oi > 1"', "line 2: name: letters, digits, spaces and"),
        (b'[[rule]]\nname = "a"', "line 1: when is missing"),
    ],
)
def test_a_wrong_file_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        read_rules(content, COLUMNS)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('when = "z_oii > 1"', "line 4: when: character 1: no value is called 'z_oii'"),
        ('clear = "z_oi >"', "line 4: clear: character 7: syntax error"),
        ('for = "10 m"', "line 4: for: write a time span like 90s, 5m, 4h or 7d, not '10 m'"),
        ('timeframe = "2m"', "line 4: timeframe: must be '5m', '15m', '30m'"),
        (
            'severity = "bad"',
            "line 4: severity: must be 'info', 'warning' or 'critical', not 'bad'",
        ),
        ('venues = "okx"', "line 4: venues: must be a list, not 'okx'"),
        ("top = 0", "line 4: top: must be greater than or equal to 1, not 0"),
        ("top = true", "line 4: top: must be a valid integer, not True"),
        ("color = 1", "line 4: 'color' is not known; a rule has venues, pairs, bases, top, name"),
        ('per = "asset"', "no value is called 'z_oi'; GLOSSARY.md"),
        ('message = "{ls_accounts}"', "line 4: message: no field is called 'ls_accounts'"),
        ('message = "{z_oi.__class__}"', "line 4: message: no field is called 'z_oi.__class__'"),
        ('message = "{"', "line 4: message:"),
        ('message = "{z_oi!r}"', "line 4: message: write {z_oi}, or a number with its digits"),
        ('message = "{z_oi:99999999f}"', "line 4: message: write {z_oi}, or a number"),
        ('message = "{z_oi:{z_oi}}"', "line 4: message: write {z_oi}, or a number"),
        ('message = "{time:%Y}"', "line 4: message: write {time}, or a number"),
        (
            'per = "market"\nbases = ["BTC"]',
            "line 5: bases: a rule per market is narrowed by nothing",
        ),
        ('per = "venue"\ntop = 3', "line 5: top: a rule per venue is narrowed by venues"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(line: str, reason: str) -> None:
    when = "" if line.startswith("when") else '\nwhen = "z_oi > 1"'
    content = f'[[rule]]\nname = "first"\n\n{line}{when}\n'
    with pytest.raises(RuleError) as refused:
        read_rules(content.encode(), COLUMNS)
    assert reason in str(refused.value)


def test_all_faults_are_named_at_once() -> None:
    content = CROWD + CROWD.replace("2.5", "").replace('"10m"', "3")
    with pytest.raises(RuleError) as refused:
        read_rules(content.encode(), COLUMNS)
    told = str(refused.value)
    assert "line 24: for: write a time span" in told
    assert "line 18: two rules are called 'Crowd long'" in told
