"""alerts.toml through wrong edits, deletion and restarts: what ran goes on, and it is said why."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime

import pytest
import structlog

from analytics.errors import RuleError
from analytics.rules.alert_commands import digest
from collector.alerts.rules_in_use import RulesInUse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = {"pair": {"z_oi": "number"}, "asset": {}, "market": {}, "venue": {}}
BUILTIN = b'[[rule]]\nname = "OI"\nwhen = "z_oi > 2.5"\n'
OTHER = '[[rule]]\nname = "More OI"\nwhen = "z_oi > 4"\n'


@pytest.fixture
def rules(tmp_path):
    """The rules after a first start."""
    found = RulesInUse(tmp_path, COLUMNS, None)
    found.make(BUILTIN)
    assert found.look(NOW)
    return found


def names(rules):
    return [rule.name for rule in rules.rules]


def test_the_first_start_makes_the_file_and_no_later_one_does(rules, tmp_path):
    assert (rules.path.read_bytes(), names(rules)) == (BUILTIN, ["OI"])

    rules.path.unlink()
    again = RulesInUse(tmp_path, COLUMNS, rules.text)
    again.make(BUILTIN)
    again.look(NOW)

    assert not rules.path.exists()
    assert (names(again), "missing; put it back" in again.fault) == (["OI"], True)


def test_a_file_that_stood_there_before_is_left_as_it_is(tmp_path):
    (tmp_path / "alerts.toml").write_text(OTHER)
    rules = RulesInUse(tmp_path, COLUMNS, None)
    rules.make(BUILTIN)
    rules.look(NOW)

    assert names(rules) == ["More OI"]


def folder(path):
    path.unlink()
    path.mkdir()


def unreadable(path):
    path.write_text(OTHER)
    path.chmod(0)


def endless(path):
    """Reading it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def circular(path):
    path.unlink()
    path.symlink_to(path)


def dangling(path):
    path.unlink()
    path.symlink_to(path.with_name("away.toml"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "missing; put it back, or save rules on the Alerts page"),
        (folder, "a folder of that name is in its place"),
        (unreadable, "cannot be read (Permission denied)"),
        (circular, "cannot be read (Too many levels of symbolic links)"),
        (endless, "not a plain file"),
        (dangling, "missing"),
        (lambda path: path.write_text(OTHER[:-9]), "this is not TOML: "),
        (lambda path: path.write_text(OTHER.replace("z_oi", "z_io")), "line 3: when: character 1"),
        (lambda path: path.write_text(""), "it is empty; for no rules at all, write a comment"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "byte 1 is not UTF-8 text"),
        (lambda path: path.write_text("#" * 1_000_001), "over 1,000,000 bytes"),
    ],
)
def test_a_fault_is_said_once_and_the_rules_that_ran_go_on(rules, tmp_path, harm, said):
    if harm is unreadable and os.geteuid() == 0:
        pytest.skip("root reads everything")
    harm(rules.path)
    with structlog.testing.capture_logs() as logged:
        assert not rules.look(NOW)
        assert not rules.look(NOW)

    assert (names(rules), said in rules.fault) == (["OI"], True)
    assert [entry["reason"] for entry in logged] == [rules.fault]

    # A restart in the midst of it goes on with what ran, and says the same.
    again = RulesInUse(tmp_path, COLUMNS, rules.text)
    assert not again.look(NOW)
    assert (names(again), again.fault) == (["OI"], rules.fault)


def test_once_it_is_right_again_it_runs(rules):
    rules.path.write_text("[[rule]]")
    assert not rules.look(NOW)
    rules.path.write_text(OTHER)

    assert rules.look(NOW)
    assert (names(rules), rules.fault) == (["More OI"], None)
    rules.path.write_text(f"# a remark\n{OTHER}")
    assert not rules.look(NOW)
    assert rules.text.startswith("# a remark")


def test_saved_rules_replace_the_file_and_wrong_ones_nothing(rules, tmp_path):
    home = tmp_path / "in_git"
    home.mkdir()
    linked = rules.path.rename(home / "mine.toml")
    linked.chmod(0o640)
    rules.path.symlink_to(linked)

    with pytest.raises(RuleError, match="line 3: when: .*did you mean z_oi"):
        rules.save(OTHER.replace("z_oi", "z_io"), None)
    with pytest.raises(RuleError, match="changed since this edit began"):
        rules.save(OTHER, digest("what somebody else saved meanwhile"))
    assert linked.read_bytes() == BUILTIN

    rules.save(OTHER, digest(BUILTIN))

    assert linked.read_text() == OTHER
    assert (stat.S_IMODE(linked.stat().st_mode), rules.path.is_symlink()) == (0o640, True)
    assert list(home.iterdir()) == [linked]
    assert rules.look(NOW)

    rules.save("", digest(OTHER))
    assert rules.look(NOW)
    assert (names(rules), rules.fault) == ([], None)


def test_rules_are_saved_where_the_file_is_gone(rules):
    """As its fault says one may."""
    rules.path.unlink()
    rules.look(NOW)
    rules.save(OTHER, digest(rules.text))

    assert rules.look(NOW)
    assert (names(rules), rules.fault) == (["More OI"], None)
