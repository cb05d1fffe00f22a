"""``perpscope query``: parameters as people write them, rows as programs read them."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import perpscope
from analytics import query
from analytics.cli import query_cli
from analytics.errors import QueryError
from analytics.lake.writer import Lake
from collector.runtime.clock import Clock

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
SINCE = "since=2025-10-22T11:50"
SPAN = "span_s=300"


def rows_of(**columns):
    """Rows by column; those that end in _ts are times."""
    kinds = {name: pa.timestamp("ms", "UTC") for name in columns if name.endswith("_ts")}
    return pa.table({name: pa.array(cells, kinds.get(name)) for name, cells in columns.items()})


@pytest.fixture
def folder(tmp_path):
    """A published lake: one snapshot of two pairs at noon, and one cycle."""
    with Lake(tmp_path / "lake") as lake:
        lake.append(
            (
                "snapshots",
                rows_of(
                    venue=["okx", "okx"],
                    symbol=["BTC/USDT:USDT", "ETH/USDT:USDT"],
                    base=["BTC", "ETH"],
                    received_ts=[NOON, NOON],
                    price=[98_123.5, float("nan")],
                    oi_usd=[2e9, 1e9],
                    ls_ts=[NOON - timedelta(minutes=5), None],
                    ls_accounts=[1.25, None],
                ),
            ),
            (
                "cycles",
                rows_of(
                    venue=["okx"],
                    started_ts=[NOON],
                    finished_ts=[NOON + timedelta(seconds=2)],
                    error=['no "book", late'],
                    **{name: [2] for name in ("asked", "answered", "skipped", "requests")},
                    refused=[3],
                ),
            ),
        )
        lake.publish()
    return tmp_path / "lake"


@pytest.fixture
def ask(folder, monkeypatch):
    """Runs the command on that lake; its result has stdout, stderr and exit_code."""
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(folder))
    return run


def run(*arguments):
    """Run the command as a shell would: our own errors end it with their code."""
    result = CliRunner().invoke(perpscope.app, ["query", *arguments])
    if isinstance(result.exception, Exception):
        result.exit_code = int(perpscope.exit_code(result.exception))
    return result


def parameters(*pairs):
    return [part for pair in pairs for part in ("--param", pair)]


def test_without_a_name_every_query_is_listed_with_what_it_answers():
    """No lake is needed for that."""
    result = run()

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[0] for line in lines] == list(query.NAMES)
    assert "newest_cycle" in result.stdout
    assert "End of the newest cycle of the day before $now [UTC]." in result.stdout


def test_json_is_valid_and_says_null(ask):
    """Times end in Z, and what is not a number is null, not NaN."""
    result = ask("pairs", *parameters(SPAN, "now=2025-10-22T12:00:30", SINCE), "--format", "json")

    def refuse(constant):
        raise AssertionError(constant)

    rows = json.loads(result.stdout, parse_constant=refuse)
    assert [row["symbol"] for row in rows] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert rows[0]["received_ts"] == "2025-10-22T12:00:00.000Z"
    assert rows[0]["ls_ts"] == "2025-10-22T11:55:00.000Z"
    assert rows[0]["price"] == 98_123.5
    assert rows[0]["from_bar"] is False
    assert [rows[1][name] for name in ("price", "ls_ts", "ls_accounts")] == [None] * 3


def test_assets_are_asked_for_without_what_the_lake_knows(ask):
    """What instruments are counted under is looked up, as it is for pages."""
    given = parameters(
        *("now=2025-10-22T12:00:30", SINCE, SPAN, "silent_before=90s", "is_past=false"),
        *("venues=", "symbols=", "least_known=0.75"),
    )
    result = ask("assets", *given, "--format", "json")

    rows = {row["base"]: row for row in json.loads(result.stdout)}
    assert rows["BTC"]["price"] == 98_123.5
    assert (rows["ETH"]["price"], rows["ETH"]["oi_usd"]) == (None, 1e9)


def test_csv_has_a_header_and_leaves_absent_cells_empty(ask):
    """Text with commas and quotes survives."""
    result = ask("venue_cycles", "--param", "now=2025-10-22T12:10", "--format", "csv")

    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["finished_ts"] == "2025-10-22T12:00:02.000Z"
    assert row["error"] == 'no "book", late'
    assert row["latency_ms"] == ""
    assert row["refused"] == "3"
    assert row["refused_1h"] == "3"
    assert result.stderr == ""


def test_a_table_shows_every_column_in_full(ask):
    """One line a row, however wide, and a dash where there is no value."""
    result = ask("pairs", *parameters(SPAN, "now=2025-10-22T12:00:30", SINCE))

    header, *lines = result.stdout.splitlines()
    assert header.split()[:3] == ["venue", "symbol", "base"]
    assert len(lines) == 2
    assert "98123.5" in lines[0]
    assert "–" in lines[1]
    assert "…" not in result.stdout


HOSTILE = "\x1b[2J\u202eX\u009b\r\n\U000e0001"
"""What clears a terminal, turns its direction, begins a line anew, and cannot be seen."""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A lake of an earlier version, or a file that was imported, may hold such names."""
    with Lake(tmp_path / "lake") as lake:
        rows = rows_of(
            venue=["okx", "okx"],
            symbol=[HOSTILE, '=CMD|" /C calc"!A0'],
            base=["A", "B"],
            received_ts=[NOON, NOON],
            price=[-1.5, 2.0],
        )
        lake.append(("snapshots", rows))
        lake.publish()
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path / "lake"))
    return run


@pytest.mark.parametrize("written", ["csv", "json", "table"])
def test_no_name_acts_on_the_terminal(hostile, written):
    """What is not seen is written out, whatever the format; JSON reads it back as it was."""
    result = hostile(
        "pairs", *parameters(SPAN, "now=2025-10-22T12:00:30", SINCE), "--format", written
    )

    unseen = [letter for letter in result.stdout if not letter.isprintable() and letter != "\n"]
    assert unseen == []
    assert r"\u001b[2J\u202eX\u009b" in result.stdout
    if written == "json":
        assert HOSTILE in [row["symbol"] for row in json.loads(result.stdout)]


def test_csv_of_a_query_makes_formulas_safe_as_export_does(hostile):
    """A number below 0 stays one."""
    result = hostile(
        "pairs", *parameters(SPAN, "now=2025-10-22T12:00:30", SINCE), "--format", "csv"
    )

    rows = {row["base"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert rows["B"]["symbol"] == """'=CMD|" /C calc"!A0"""
    assert rows["A"]["price"] == "-1.5"


@pytest.mark.parametrize("written", ["csv", "json", "table"])
def test_no_rows_are_no_rows(ask, written):
    """stdout stays readable for programs; the remark goes to stderr."""
    result = ask(
        "pairs",
        *parameters(SPAN, "now=2024-01-01", "since=2023-12-31"),
        "--format",
        written,
    )

    assert result.exit_code == 0
    assert "no rows" in result.stderr
    if written == "json":
        assert json.loads(result.stdout) == []
    else:
        assert len(result.stdout.splitlines()) == 1
        assert result.stdout.startswith("venue")


def test_since_may_be_a_span_before_now(ask):
    """Ten minutes before 12:05 the snapshots of noon were still to come; after 4 they are past."""
    now = "now=2025-10-22T12:05Z"

    longer = ask("pairs", *parameters(SPAN, now, "since=10m"), "--format", "json")
    shorter = ask("pairs", *parameters(SPAN, now, "since=4m"), "--format", "json")

    assert len(json.loads(longer.stdout)) == 2
    assert json.loads(shorter.stdout) == []


def test_now_is_what_the_lakes_clock_shows(folder, ask):
    """A simulator's market may live at another time and run faster than ours."""
    clock = Clock(origin=NOON, speed=1.0, started_at=datetime.now(UTC) - timedelta(minutes=1))
    stated = {
        "origin_ms": clock.origin.timestamp() * 1000,
        "started_at_ms": clock.started_at.timestamp() * 1000,
        "speed": clock.speed,
    }
    before = ask("newest_cycle", "--format", "json")
    with Lake(folder) as lake:
        lake.set_info(clock=json.dumps(stated))
        lake.publish()

    after = ask("newest_cycle", "--format", "json")
    pairs = ask("pairs", *parameters(SPAN, "since=10m"), "--format", "json")

    assert json.loads(before.stdout) == [{"finished_ts": None}]
    assert json.loads(after.stdout) == [{"finished_ts": "2025-10-22T12:00:02.000Z"}]
    assert len(json.loads(pairs.stdout)) == 2


def test_lists_and_nothing_can_be_given(ask):
    """A query that filters by lists can be asked from a shell, too."""
    given = ["now=2025-10-22T12:10", "since=1h", "earliest=8d", "metrics=[price, oi_usd]"]
    both = ask("freshness", *parameters(*given[:3], "venues="), "--format", "json")
    none = ask("freshness", *parameters(*given[:3], "venues=[bybit]"), "--format", "json")
    gaps = ask("bar_gaps", *parameters(*given, "venues=[okx]"), "--format", "json")

    assert [row["metric"] for row in json.loads(both.stdout)] == ["ls_accounts", "oi_usd", "price"]
    assert json.loads(none.stdout) == []
    assert gaps.exit_code == 0


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("until", "2025-10-22T12:44Z", datetime(2025, 10, 22, 12, 44, tzinfo=UTC)),
        ("until", "2025-10-22T14:44+02:00", datetime(2025, 10, 22, 12, 44, tzinfo=UTC)),
        ("until", "2025-10-22 12:44", datetime(2025, 10, 22, 12, 44, tzinfo=UTC)),
        ("until", "2025-10-22", datetime(2025, 10, 22, tzinfo=UTC)),
        ("known_by", "", None),
        ("bar_ms", "300000", 300_000),
        ("least_known", "-0.5", -0.5),
        ("break_s", "1e3", 1000.0),
        ("is_past", "true", True),
        ("is_past", "false", False),
        ("symbols", "[1000PEPE/USDT:USDT, X]", ["1000PEPE/USDT:USDT", "X"]),
        ("symbols", "[]", []),
        ("symbols", "", None),
        ("venue", "okx", "okx"),
        ("venue", "1e3", "1e3"),
        ("venue", "nan", "nan"),
        ("venue", "0001-01-01T00:00+05:00", "0001-01-01T00:00+05:00"),
    ],
)
def test_a_parameter_is_what_its_text_says(key, text, value):
    """Times are UTC, numbers are numbers, and the name of a venue is always text."""
    bound = query_cli.bound("panel_bars", {key: text}, lambda: NOON)

    assert bound == {key: value}
    assert type(bound[key]) is type(value)


def test_a_query_of_several_timeframes_takes_lists_of_numbers():
    given = {"bar_ms": "[300000, 900000]", "firsts": "[1,2]"}

    bound = query_cli.bound("panel_bars_of_signals", given, lambda: NOON)

    assert bound == {"bar_ms": [300_000, 900_000], "firsts": [1, 2]}


def test_every_parameter_of_a_query_is_of_a_known_kind():
    """One that is new says what can be given for it."""
    assert {key for name in query.NAMES for key in query.parameters(name)} == set(query_cli.KINDS)


@pytest.mark.parametrize(
    ("name", "key", "text", "allowed"),
    [
        ("pairs", "since", "soon", "a time such as 2026-03-01T12:00Z, or a span before now such"),
        ("pairs", "now", "0001-01-01T00:00+05:00", "a time such as 2026-03-01T12:00Z"),
        ("pairs", "now", "", "a time such as"),
        ("pairs", "span_s", "5m", "a whole number"),
        ("pairs", "span_s", "9" * 60, "a whole number"),
        ("collecting_since", "break_s", "nan", "a number"),
        ("silent_pairs", "is_past", "yes", "true or false"),
        ("freshness", "venues", "okx", r"a list such as \[okx,bybit\], or nothing for all"),
        ("panel_bars_of_signals", "ends", "7", "a list of whole numbers such as"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_allowed(name, key, text, allowed):
    with pytest.raises(QueryError, match=f"^{name}: {re.escape(f'{key}={text}')}: not {allowed}"):
        query_cli.bound(name, {key: text}, lambda: NOON)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["pair"], "choose from alert_changes, alert_deliveries, ", id="unknown query"),
        pytest.param(["pairs"], "pairs: parameter since, span_s is missing", id="missing"),
        pytest.param(
            ["newest_cycle", "--param", "until=3"], "parameter until; it has now", id="unknown"
        ),
        pytest.param(["table_rows", "--param", "now=3"], "it has none", id="it takes none"),
        pytest.param(
            ["pairs", "--param", "since"], "write a parameter as KEY=VALUE", id="not a pair"
        ),
        pytest.param(["pairs", *parameters("since=1h", "since=2h")], "given twice", id="twice"),
        pytest.param(
            ["pairs", *parameters(SPAN, "since=9999999999d")], "before the year 1", id="span"
        ),
        pytest.param(
            ["pairs", *parameters(SPAN, "since=1h", "now=soon")], "now=soon", id="no time"
        ),
        pytest.param(
            ["pairs", *parameters(SPAN, "since=soon")], "since=soon: not a time", id="no span"
        ),
        pytest.param(
            ["pairs", *parameters(f"span_s={'9' * 60}", "since=1h")], "a whole number", id="huge"
        ),
    ],
)
def test_a_wrong_name_or_parameter_ends_with_2(ask, arguments, said):
    """One sentence says what is wrong and what there is."""
    result = ask(*arguments)

    assert result.exit_code == 2
    assert isinstance(result.exception, QueryError)
    assert said in str(result.exception)
    assert result.stdout == ""


def test_an_unknown_format_ends_with_2(ask):
    assert ask("table_rows", "--format", "xml").exit_code == 2


def test_where_nothing_was_published_it_ends_with_4(monkeypatch, tmp_path):
    """A wrong name is said first: it would be wrong with a lake as well."""
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path / "none"))

    assert run("table_rows").exit_code == 4
    assert run("recordsize").exit_code == 2


def test_the_real_command_prints_one_line_on_stderr(monkeypatch, capsys):
    """No traceback for a typing mistake."""
    monkeypatch.setattr("sys.argv", ["perpscope", "query", "pears"])

    with pytest.raises(SystemExit) as ended:
        perpscope.main()

    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("perpscope: pears: no such query")
