"""``perpscope alerts``: files of rules, right and wrong, and what a rule would have done."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys

import pyarrow as pa
import pytest

import perpscope
from analytics.lake import schema
from analytics.lake.layout import PRIVATE_UMASK
from analytics.lake.writer import Lake
from analytics.rules.rules_file import builtin
from tests.analytics.rules import small_lake

WHEN = "line 3: when:"
RULE = '[[rule]]\nname = "{}"\nwhen = "{}"\n'


def run(monkeypatch, capsys, *words):
    """Run the command as a shell would; return its exit code, output and messages."""
    monkeypatch.setattr(sys, "argv", ["perpscope", "alerts", *map(str, words)])
    old = os.umask(PRIVATE_UMASK)
    try:
        perpscope.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        os.umask(old)
    told = capsys.readouterr()
    return code or 0, told.out, " ".join(told.err.split())


def nested(levels):
    return "abs(" * levels + "z_oi" + ")" * levels + " > 1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (RULE.format("a", "z_oi > 1 or " * 200 + "z_oi > 2"), f"{WHEN} 2408 characters long"),
        (RULE.format("a", nested(60)), f"{WHEN} nested more than 40 levels deep"),
        (RULE.format("a", "z_oi > 'x'"), f"{WHEN} character 8: a number belongs here, not a text"),
        (RULE.format("a", "z_oii > 1"), f"{WHEN} character 1: no value is called 'z_oii'; did you"),
        (RULE.format("a", "z_oi > 1; select 1"), f"{WHEN} several statements"),
        (RULE.format("a", "(select 1) > 0"), f"{WHEN} character 1: subquery is not allowed"),
        (RULE.format("a", "random() > 0"), f"{WHEN} character 1: random is not allowed"),
        (RULE.format("a", "z_oi > 1") * 2, "line 5: two rules are called 'a'; give each its own"),
        (RULE.format("a", "z_oi > 1") * 500, "500 rules; at most 200 are allowed"),
        (RULE.format("a", "z_oi > 1") + 'message = "{oi}"', "line 4: message: no field is called"),
        (RULE.format("a", "z_oi > 1") + 'channels = "desk"', "line 4: channels: must be a list"),
        (RULE.format("a", "z_oi > 1")[:-4], "this is not TOML: "),
        (b"\xff\xfe", "byte 1 is not UTF-8 text"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_reason(monkeypatch, capsys, tmp_path, content, says):
    file = tmp_path / "alerts.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, told = run(monkeypatch, capsys, "check", file)
    assert (code, out) == (2, "")
    assert told.startswith(f"perpscope: {file}: {says}")


def test_a_division_by_zero_is_unknown_and_no_fault(monkeypatch, capsys, tmp_path):
    file = tmp_path / "alerts.toml"
    file.write_text(RULE.format("a", "1 / 0 > 1"))
    assert run(monkeypatch, capsys, "check", file) == (0, f"{file}: 1 rule\n", "")


def test_what_is_no_readable_file_is_refused(monkeypatch, capsys, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, says in (
        (tmp_path, "a folder, not a file"),
        (tmp_path / "missing.toml", "no such file"),
        (pipe, "no such file"),
    ):
        code, _, told = run(monkeypatch, capsys, "check", path)
        assert (code, told) == (2, f"perpscope: {path}: {says}")
    if os.geteuid() == 0:
        return
    closed = tmp_path / "closed.toml"
    closed.touch(0)
    code, _, told = run(monkeypatch, capsys, "check", closed)
    assert (code, told) == (2, f"perpscope: {closed}: cannot be read (Permission denied)")


def test_the_built_in_rules_are_listed_until_a_collector_made_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path))
    code, out, _ = run(monkeypatch, capsys, "list")
    assert code == 0
    assert len(out.splitlines()) == 1 + builtin().count(b"\n[[rule]]")
    flush = r"^Flush +asset +5m +warning +at once +\(\(z_liquidations > 3\)"
    assert re.search(flush, out, re.MULTILINE)
    (tmp_path / "alerts.toml").write_text(RULE.format("mine", "z_oi > 1"))
    assert run(monkeypatch, capsys, "list")[1].splitlines()[1].startswith("mine  pair  5m")
    (tmp_path / "alerts.toml").write_text("[[rule]]")
    assert run(monkeypatch, capsys, "list")[0] == 2


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A lake whose clock stands at its end, by what the wall is said to show."""
    bars, _ = small_lake.bars_and_snapshots(1)
    with Lake(tmp_path) as lake:
        plain = [{**row, "ts": row["ts"].replace(tzinfo=None)} for row in bars]
        lake.append(("bars", schema.conform("bars", pa.Table.from_pylist(plain))))
        lake.publish()
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path))

    class Wall(perpscope.datetime):
        @classmethod
        def now(cls, tz=None):
            return small_lake.END.astimezone(tz)

    monkeypatch.setattr(perpscope, "datetime", Wall)
    return tmp_path


def test_what_a_rule_would_have_done_is_shown_episode_by_episode(monkeypatch, capsys, folder):
    rule = RULE.format("Jump", "z_oi > 2.5") + 'clear = "z_oi < 0"\n'
    (folder / "alerts.toml").write_text(rule)
    code, out, told = run(monkeypatch, capsys, "test", "Jump", "--since", "1d")
    assert (code, told) == (0, "")
    head, *rows, last = out.splitlines()
    assert head.split() == ["fired", "until", "subject", "message"]
    assert len(rows) > 20
    time = r"2025-0\d-\d\d \d\d:\d\d"
    row = (
        rf"{time}  ({time}|still firing) +(\w+/USDT (Binance|OKX)) +z of OI change \+\d\.\d σ in 5m"
    )
    found = [re.fullmatch(row, one) for one in rows]
    subjects = {one[2] for one in found if one}
    assert all(found)
    assert last == (
        f"Jump: fired {len(rows)} times on {len(subjects)} subjects in 24 h, "
        f"{len(rows)}.0 a day, by five-minute bars"
    )
    edited = folder / "edited.toml"
    edited.write_text(rule.replace("2.5", "250"))
    code, out, _ = run(monkeypatch, capsys, "test", "Jump", "--file", edited)
    assert out == "Jump: fired 0 times on 0 subjects in 7 d, 0.0 a day, by five-minute bars\n"


def test_rules_are_judged_by_what_followed(monkeypatch, capsys, folder):
    """On prices at random: figures where there are enough episodes, else a sentence."""
    rules = RULE.format("Jump", "z_oi > 2.5") + RULE.format("Never", "z_oi > 250")
    (folder / "alerts.toml").write_text(rules)
    code, out, told = run(monkeypatch, capsys, "score", "--since", "9d")
    assert (code, told) == (0, "")
    assert re.search(r"Jump +│ Price change +│ 1h +│ +\d+ +│ +\d+ +│ [+-]", out)
    assert "Jump, 1d: " in out
    assert "Never, 5m, 15m, 1h, 4h, 1d: did not fire.\n" in out

    code, out, _ = run(monkeypatch, capsys, "score", "Jump", "--since", "9d", "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["Horizon"] for row in rows] == ["5m", "15m", "1h", "4h", "1d"] * 2
    assert float(rows[0]["Mean excess, low [pp]"]) < float(rows[0]["Mean excess, high [pp]"])
    assert rows[4]["Mean excess [pp]"] == ""
    assert rows[4]["Why absent"]

    # Nothing was recorded here: no collector ran.
    code, out, _ = run(monkeypatch, capsys, "score", "--recorded")
    assert (code, out.count("did not fire.")) == (0, 2)


def test_thresholds_are_tried_on_one_half_and_checked_on_the_other(monkeypatch, capsys, folder):
    (folder / "alerts.toml").write_text(RULE.format("Jump", "z_oi > 2.5 and abs(oi_delta_pct) > 0"))
    words = ("sweep", "Jump", "--since", "9d", "--horizon", "5m", "--vary", "z_oi=1.5:2.5:0.5")
    code, out, told = run(monkeypatch, capsys, *words, "--vary", "oi_delta_pct=0:1:1")
    assert (code, told) == (0, "")
    found = re.findall(r"^│ ([\d.]+) +│ ([\d.]+) +│ +\d+ +│", out, re.MULTILINE)
    assert found == [(z, oi) for z in ("1.5", "2", "2.5") for oi in ("0", "1")]
    assert re.search(
        r"Best of 6 in-sample: z_oi [\d.]+, oi_delta_pct \d, mean excess .*Warning", out
    )
    code, _, told = run(monkeypatch, capsys, "sweep", "Jump", "--vary", "ls_accounts=1:2:1")
    assert code == 2
    assert "ls_accounts is compared with a number not in" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Flash",), "no rule is called 'Flash'; did you mean 'Flush'?"),
        (("xyz",), "no rule is called 'xyz'; there are OI z-score, OI + crowd + book"),
        (("Flush", "--since", "soon"), "--since soon: write a time span like 90s, 5m, 4h or 7d"),
        (("Flush", "--since", "90d"), "--since 90d: from 5m to 31d are possible"),
        (("Flush", "--since", "1s"), "--since 1s: from 5m to 31d are possible"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_refused(monkeypatch, capsys, tmp_path, words, says):
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path))
    code, _, told = run(monkeypatch, capsys, "test", *words)
    assert code == 2
    assert told.startswith(f"perpscope: {says}")


def test_help_imports_no_rules():
    """It stays as fast as it was: what a command needs is imported when it is called."""
    lines = "import sys, perpscope; print([m for m in sys.modules if 'analytics.rules' in m])"
    said = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
