"""An ``alerts.toml`` rule by rule: what an editor changes, and what it leaves alone."""

from __future__ import annotations

from analytics.rules.rules_text import RulesText, with_value

FIRST = '[[rule]]\nname = "a"\n# Why.\nwhen = "x > 1"'
SECOND = '[[rule]]\nname = "b"\nwhen = "x > 2"'
TEXT = RulesText(f"# Head.\n\n{FIRST}\n\n# Of b.\n\n{SECOND}\n\n# End.\n")
NEW = '[[rule]]\nname = "c"'


def test_rules_begin_at_their_heads_and_end_with_their_last_keys():
    assert TEXT.rules == [FIRST, SECOND]
    assert RulesText("").rules == []


def test_a_rule_is_replaced_where_it_stands():
    assert TEXT.with_rule(0, NEW) == TEXT.text.replace(FIRST, NEW)
    assert TEXT.with_rule(1, f"\n{NEW}\n\n") == TEXT.text.replace(SECOND, NEW)


def test_a_new_rule_comes_last():
    assert TEXT.with_rule(None, NEW) == f"{TEXT.text}\n{NEW}\n"
    assert RulesText("").with_rule(None, NEW) == f"{NEW}\n"


def test_a_rule_goes_with_the_comments_right_above_it():
    assert TEXT.without_rule(1) == f"# Head.\n\n{FIRST}\n\n# End.\n"
    assert TEXT.without_rule(0) == f"# Head.\n\n# Of b.\n\n{SECOND}\n\n# End.\n"


def test_a_value_is_written_to_its_key_and_all_else_stays():
    table = '[[rule]]\nname = "a"\n# Why.\nvenues = [\n  "okx",\n]\nwhen = "x > 1"  # note'
    assert with_value(table, "name", 'say "b"') == table.replace('"a"', '"say \\"b\\""')
    assert with_value(table, "venues", ["bybit"]) == table.replace('[\n  "okx",\n]', '["bybit"]')
    assert with_value(table, "venues", None) == table.replace('venues = [\n  "okx",\n]\n', "")
    assert with_value(table, "top", 5) == f"{table}\ntop = 5"
    assert with_value(table, "for", None) == table
