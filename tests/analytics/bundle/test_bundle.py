"""Evidence bundles: the same bytes, the same alerts from them, and no byte changed unseen."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import perpscope
from analytics.bundle import archive, opened, rule_events, tables_child, trades
from analytics.bundle.differences import ALERT, first_difference
from analytics.bundle.manifest import MANIFEST, MARKS, NAMES, PASSES, TRADES, Manifest, member
from analytics.bundle.needed_rows import Wanted
from analytics.bundle.opened import open_bundle
from analytics.bundle.verify import verify
from analytics.bundle.write import Asked, write_bundle
from analytics.errors import BundleRefused
from analytics.lake import schema
from analytics.lake.reader import Reader
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from analytics.rules import engine
from analytics.rules.event_rows import event_row
from analytics.rules.frames import COLUMNS, Frames
from analytics.rules.messages import message
from analytics.rules.rules_file import read_rules
from analytics.trades.simulated import request
from tests.analytics.rules import small_lake as small

START, END = small.END - timedelta(hours=1), small.END - timedelta(minutes=5)
RULES = """# a remark of somebody

[[rule]]
name = "Jump"
when = "abs(z_oi) > 1.5"
clear = "abs(z_oi) < 1"
for = "5m"

[[rule]]
name = "Flush"
per = "asset"
timeframe = "15m"
when = "z_liquidations > 1 or z_oi > 1 or venue_spread_pp > 0.012"
top = 3

[[rule]]
name = "Longs pay"
timeframe = "1h"
when = "funding_excess_pct > 0.002 and rsi_14 > 50"

[[rule]]
name = "Market"
per = "market"
timeframe = "30m"
when = "z_oi > 0.5 or breadth_pct > 60"

[[rule]]
name = "Venue"
per = "venue"
when = "coverage_pct < 75 or streams_down > 0"
"""
READ = read_rules(RULES.encode(), COLUMNS)


def plain(rows):
    return [
        {k: v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for k, v in row.items()}
        for row in rows
    ]


def instruments():
    for venue, base in small.PAIRS:
        listed = {"multiplier": 1, "contract_size": 1, "linear": True, "in_universe": True}
        seen = {"first_seen_ts": small.END - timedelta(days=9), "last_seen_ts": small.END}
        words = {"venue_id": base, "quote": "USDT", "oi_unit": "base"}
        yield Instrument(**small.keys(venue, base), **listed, **seen, **words)


def collected(folder):
    """Store what passes over the record do, as a collector does after each cycle."""
    states, events, frames = {}, [], Frames(small.CYCLE)
    reader = Reader(folder, threads=1)
    with reader.cursor() as cursor:
        for n in (6, 4):
            now = small.END - n * small.BAR + timedelta(seconds=3)
            found = frames.load(cursor, READ, now, known_by=now)
            states, happened = engine.run(READ, found, states, now)
            events += happened
    reader.close()
    by_name = {rule.name: rule for rule in READ}
    with Lake(folder) as lake:
        rule = by_name.__getitem__
        lake.append_records(
            event_row(rule(one.key.rule), one, message(rule(one.key.rule), one)) for one in events
        )
        lake.publish()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lake with nine days of bars, snapshots of the last hours, and stored alerts."""
    place = tmp_path_factory.mktemp("data") / "lake"
    bars, snapshots = small.bars_and_snapshots(30)
    # Trades are filled at opens.
    bars = [row | dict.fromkeys(("open", "high", "low"), row["close"]) for row in bars]
    with Lake(place, origin="simulator") as lake:
        lake.append_records(instruments())
        for table, rows in (("bars", bars), ("snapshots", snapshots), ("cycles", small.cycles())):
            lake.append((table, schema.conform(table, pa.Table.from_pylist(plain(rows)))))
        lake.set_info(secret_of_the_machine="hunter2")
        lake.publish()
    collected(place)
    (place / "alerts.toml").write_text(RULES)
    return place


RSI = request.Asked(signal="rsi", settings=("period=3",), side="both", size="10%")


def asked(**other):
    given = {"start": START, "end": END, "rules_text": RULES, "interval_s": 30, "trades": RSI}
    return Asked(**given | other)


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    """The bundle of an hour, all rules and pairs."""
    file = tmp_path_factory.mktemp("out") / "evidence.zip"
    settings = {"top_n": 20, "venues": ("binance", "okx"), "data_dir": folder, "edit_token": "x"}
    write_bundle(folder, asked(settings=settings), file)
    return file


def run(monkeypatch, capsys, *words):
    """Run the command as a shell would; return its exit code, output and messages."""
    monkeypatch.setattr(sys, "argv", ["perpscope", *map(str, words)])
    code = 0
    try:
        perpscope.main()
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr()
    return code or 0, told.out, " ".join(told.err.split())


def test_the_same_alerts_follow_from_it_on_another_machine(
    folder, bundle, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path / "other"))
    code, out, told = run(monkeypatch, capsys, "verify", bundle)
    assert (code, told) == (0, "")
    assert "the same alerts and trades follow, bit for bit" in out
    assert not (tmp_path / "other").exists()

    found = open_bundle(bundle, tmp_path / "lake")
    marks = [json.loads(line) for line in found.lines[MARKS]]
    assert {one["rule"] for one in marks} == {rule.name for rule in READ}
    # What the collector stored follows from the rows as well, pass by pass.
    manifest = found.manifest
    assert [json.loads(line)["pnl_usd"] for line in found.lines[TRADES][:3]]
    assert manifest.reproduced == manifest.recorded == len(found.lines[PASSES]) > 5


@pytest.mark.parametrize(
    ("rules", "simulated"),
    [
        (("Jump",), RSI),
        (("Flush", "Longs pay", "Venue"), request.Asked(signal="rule:Flush")),
        (("Market",), request.Asked(entry="z_oi > 0.5", exit="z_oi < 0", timeframe="15m")),
    ],
)
def test_its_rows_are_all_that_rules_and_trades_look_at(folder, tmp_path, rules, simulated):
    """What is said of some pairs is what the whole lake says of them, whatever a rule compares."""
    chosen = asked(rules=rules, pairs=["PEPE/USDT"], trades=simulated)
    written = write_bundle(folder, chosen, tmp_path / "some.zip")
    opened = open_bundle(tmp_path / "some.zip", tmp_path / "lake")
    words = {"PEPE", "okx PEPE/USDT:USDT", "binance PEPE/USDT:USDT"}
    assert set(written.manifest.subjects) == words
    mine = tuple(rule for rule in READ if rule.name in rules)
    wanted = Wanted(START, END, mine, subjects=frozenset(words))
    reader = Reader(folder, threads=1)
    with reader.cursor() as cursor:
        on_lake = rule_events.at_marks(cursor, wanted, END)
    reader.close()
    assert opened.lines[MARKS] == [*map(rule_events.line, on_lake)]
    assert opened.lines[MARKS]
    assert opened.lines[TRADES] == trades.simulated(folder, wanted, simulated) != []
    if rules == ("Jump",):
        rows = {one.name: one.rows for one in written.manifest.members}
        assert rows[member("instruments")] == 2
        # A day and three hours before the hour, and 20 z-scores back is less than that.
        assert rows[member("bars")] < 2 * 12 * 29


def test_it_depends_on_nothing_but_the_record_and_says_nothing_of_the_machine(
    folder, bundle, tmp_path
):
    again = tmp_path / "again.zip"
    settings = {"venues": ("binance", "okx"), "top_n": 20}
    write_bundle(folder, asked(settings=settings), again)
    content = bundle.read_bytes()
    assert content == again.read_bytes()
    private = [str(folder), str(Path.home()), "hunter2", "edit_token", "remark"]
    # Short names stand in numbers by chance.
    private += [f'"{name}"' for name in (socket.gethostname(), getpass.getuser())]
    assert [word for word in private if word.encode() in content] == []
    with zipfile.ZipFile(bundle) as archived:
        manifest = Manifest.model_validate_json(archived.read(MANIFEST))
        assert manifest.settings == settings
        assert archived.read("rules.toml").decode() == RULES.split("\n\n", 1)[1]
        for table in ("snapshots", "bars"):
            with archived.open(member(table)) as file:
                found = pq.read_table(file).to_pandas()
            # Midnight is the end of a day.
            days = (found[schema.TIMES[table]] - small.BAR / 300_000).dt.floor("D")
            order = [days, *(found[key] for key in schema.KEYS[table])]
            assert np.array_equal(np.lexsort(order[::-1]), np.arange(len(found)))


def test_a_byte_changed_anywhere_is_refused(bundle, tmp_path, monkeypatch, capsys):
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archived:
        places = {
            info.filename: info.header_offset + 30 + len(info.filename) + info.file_size // 2
            for info in archived.infolist()
        }
    assert tuple(places) == NAMES
    broken = tmp_path / "broken.zip"

    def refused(at):
        broken.write_bytes(content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :])
        with pytest.raises(BundleRefused) as caught:
            open_bundle(broken, tmp_path / "lake")
        shutil.rmtree(tmp_path / "lake")
        return str(caught.value)

    for name, at in places.items():
        assert refused(at) == f"{name} was changed after the bundle was written"
    inside = range(places[NAMES[-1]], len(content))
    headers = [offset + n for offset in _headers(bundle) for n in range(0, 30, 4)]
    for at in (*headers, *inside[:: len(inside) // 40], len(content) - 1):
        assert refused(at)
    broken.write_bytes(content[:-1])
    code, out, told = run(monkeypatch, capsys, "verify", broken)
    assert (code, out) == (2, "")
    assert told == f"perpscope: {broken}: it is no bundle of perpscope, or its end is missing"


def _headers(bundle):
    with zipfile.ZipFile(bundle) as archived:
        return [info.header_offset for info in archived.infolist()]


def remade(bundle, folder, change):
    """Write the bundle anew after *change* of its members, with checksums that fit."""
    members = {name: archive.place(folder, name) for name in NAMES}
    with zipfile.ZipFile(bundle) as archived:
        for name, place in members.items():
            place.write_bytes(archived.read(name))
    change(members)
    manifest = json.loads(members[MANIFEST].read_text())
    for one in manifest["members"]:
        one["size"] = members[one["name"]].stat().st_size
        one["sha256"] = archive.sha256(members[one["name"]])
    members[MANIFEST].write_text(json.dumps(manifest))
    with (folder / "remade.zip").open("w+b") as file:
        archive.write(file, members)
    return folder / "remade.zip"


def with_column(table, name, change):
    """Change the column *name* of a table's rows."""

    def changing(members):
        place = members[member(table)]
        rows = pq.read_table(place)
        at = rows.column_names.index(name)
        pq.write_table(rows.set_column(at, rows.schema.field(at), change(rows[name])), place)

    return changing


def test_a_changed_value_with_fitting_checksums_is_named(bundle, tmp_path, monkeypatch, capsys):
    def one_doubled(oi_usd):
        values = oi_usd.to_numpy().copy()
        values[len(values) - 8] *= 2
        return pa.chunked_array([values])

    other = remade(bundle, tmp_path, with_column("bars", "oi_usd", one_doubled))
    code, out, told = run(monkeypatch, capsys, "verify", other)
    assert (code, told) == (1, "")
    line = next(line for line in out.splitlines() if line.startswith("first difference"))
    where = r"in firings/marks.jsonl: 2025-03-01T\d\d:\d\d:00.000Z, rule '\w+', [\w/: ]+, \w+: "
    assert re.fullmatch(
        f"first difference, {where}.*(in the bundle|in it|from its rows|by its rows).*", line
    )


def test_the_first_difference_has_time_rule_subject_and_both_values(bundle, tmp_path):
    def raised(members):
        lines = members[MARKS].read_text().splitlines()
        nth = next(n for n, line in enumerate(lines) if '"rule": "Jump"' in line and n > 3)
        fields = json.loads(lines[nth])
        raised.was = fields["seen_values"]["z_oi"]
        fields["seen_values"]["z_oi"] = float(np.nextafter(raised.was, 9))
        raised.place = f"{fields['ts']}, rule 'Jump', {fields['subject']}, {fields['change']}"
        lines[nth] = json.dumps(fields)
        members[MARKS].write_text("\n".join(lines) + "\n")

    found = verify(remade(bundle, tmp_path, raised))
    name, difference = found.difference
    assert (name, difference.field, difference.found) == (MARKS, "seen_values.z_oi", raised.was)
    assert difference.sentence == (
        f"{raised.place}: seen_values.z_oi is {np.nextafter(raised.was, 9)} in the bundle, "
        f"{raised.was} by its rows"
    )


def test_a_trade_that_differs_is_named(bundle, tmp_path):
    def dearer(members):
        lines = members[TRADES].read_text().splitlines()
        fields = json.loads(lines[1])
        dearer.was, fields["fee_usd"] = fields["fee_usd"], 0.5
        dearer.place = f"{fields['signal_ts']}, trade, {fields['venue']}, {fields['symbol']}"
        members[TRADES].write_text("\n".join([lines[0], json.dumps(fields), *lines[2:]]) + "\n")

    name, difference = verify(remade(bundle, tmp_path, dearer)).difference
    assert name == TRADES
    assert difference.sentence == (
        f"{dearer.place}: fee_usd is 0.5 in the bundle, {dearer.was} by its rows"
    )


def test_a_change_that_only_one_side_has_is_named():
    lines = [
        json.dumps({"ts": f"2025-03-01T12:0{n}:00.000Z", "rule": "Jump", "subject": "BTC"} | rest)
        for n, rest in enumerate([{"started_ts": "a", "change": "firing"}] * 3)
    ]
    lost = first_difference(lines, [lines[0], lines[2]], ALERT)
    more = first_difference(lines[:2], lines, ALERT)
    assert lost.sentence == (
        "2025-03-01T12:01:00.000Z, rule 'Jump', BTC, firing: "
        "is in the bundle and does not follow from its rows"
    )
    assert more.sentence == (
        "2025-03-01T12:02:00.000Z, rule 'Jump', BTC, firing: "
        "follows from the bundle's rows and is not in it"
    )
    assert first_difference(lines, list(lines), ALERT) is None
    for wrong in ("[]", "{", '{"ts": 1}', lines[0].replace(": ", ":")):
        with pytest.raises(ValueError):  # noqa: PT011 - any, which is put in words by verify
            first_difference([wrong], lines[:1], ALERT)


def zipped(folder, members, comment=None, **how):
    """Write a zip of *members*, as a stranger would."""
    file = folder / "strange.zip"
    with zipfile.ZipFile(file, "w", **how) as archived:
        for name, content in members:
            archived.writestr(zipfile.ZipInfo(name), content, how.get("compression"))
        archived.comment = archive._COMMENT + b"0" * 64 if comment is None else comment
    return file


def test_what_a_stranger_puts_into_a_zip_gets_one_sentence(bundle, tmp_path):
    first = NAMES[0]
    a_bomb = {"compression": zipfile.ZIP_DEFLATED}
    for made, says in (
        (([("../../x", b"")], b""), "it is no bundle of perpscope"),
        (([("../../x", b"")],), "a member is called '../../x': a bundle holds manifest.json to"),
        (([(f"/{first}", b"")],), "a member is called '/manifest.json'"),
        (([(first, b"{}")],), "about.txt is missing"),
        (([(name, b"") for name in (*NAMES, "more")],), "a member is called 'more'"),
        (([(name, b"") for name in NAMES],), "manifest.json is not that of a bundle"),
        (([(NAMES[0], b"[" * 10**5), *((n, b"") for n in NAMES[1:])],), "manifest.json is not"),
    ):
        file = zipped(tmp_path, *made)
        with pytest.raises(BundleRefused, match=re.escape(says)):
            open_bundle(file, tmp_path / "lake")
        shutil.rmtree(tmp_path / "lake")
    packed = zipped(tmp_path, [(name, bytes(10**7)) for name in NAMES], **a_bomb)
    with pytest.raises(BundleRefused, match=re.escape("manifest.json: its header was changed")):
        open_bundle(packed, tmp_path / "lake")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lake", "strange.zip"]


def test_tables_of_a_stranger_are_read_in_another_process(bundle, tmp_path, monkeypatch):
    def far(times):
        return pc.add(times, pa.scalar(timedelta(days=36500)).cast(pa.duration("ms")))

    def no_parquet(members):
        members[member("gaps")].write_bytes(b"PAR1" + bytes(100) + b"PAR1")

    def other_columns(members):
        pq.write_table(pa.table({"venue": ["x"]}), members[member("gaps")])

    says = "no Parquet file with the columns of its table"
    for change, table in (
        (with_column("bars", "ts", far), "bars"),
        (no_parquet, "gaps"),
        (other_columns, "gaps"),
    ):
        with pytest.raises(BundleRefused, match=f"record/{table}.parquet is {says}"):
            open_bundle(remade(bundle, tmp_path, change), tmp_path / "lake")
        shutil.rmtree(tmp_path / "lake")
    monkeypatch.setattr(opened, "MAX_S", 0.01)
    with pytest.raises(BundleRefused, match=r"reading its tables took over 0\.01 s"):
        open_bundle(bundle, tmp_path / "lake")
    assert tables_child.MEMORY_MB
