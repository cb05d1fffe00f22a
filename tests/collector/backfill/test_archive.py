"""The public archive: days from files, each held against its checksum."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from aiohttp import web

from collector.backfill.archive import ABSENT_IN_A_ROW, FAILURES_IN_A_ROW, Archive
from collector.backfill.plan import Stretch

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 1, 10, tzinfo=UTC)
BAR_MS = 300_000
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def span(day):
    """Return the first and last start of a bar on *day*. [Unix ms]"""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    return start, start + 287 * BAR_MS


def metrics(market, venue_id, day):
    """Return the metrics of *day*, stamped with the ends of their five minutes."""
    first, last = span(day)
    ends = ("binance", venue_id, BAR_MS, first + BAR_MS, last + BAR_MS)
    held, mark = market.open_interest(*ends), market.mark(*ends)
    lines = []
    for at, coins, price in zip(held.time_ms, held.value, mark.value, strict=True):
        moment = datetime.fromtimestamp(at / 1000, UTC)
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S},{venue_id},{coins},{coins * price},1.5,1.2,2.5,1")
    return METRICS + "\n".join(lines) + "\n"


def klines(market, venue_id, day):
    """Return the klines of *day*; of a hundred USD in each, takers bought 40."""
    first, last = span(day)
    bars = market.bars("binance", venue_id, BAR_MS, first, last, last + BAR_MS)
    prices = (bars.open, bars.high, bars.low, bars.close)
    return KLINES + "".join(
        f"{at},{','.join(map(str, row))},1,{at + 299_999},100,3,0.4,40,0\n"
        for at, *row in zip(bars.time_ms, *prices, strict=True)
    )


class Files:
    """An archive on loopback; what is wrong with it is said by a part of the file's name."""

    def __init__(self, market):
        self.market = market
        self.asked = Counter()
        self.absent = ()
        self.forged = ()
        self.unstated = ()
        self.broken = ()
        self.foreign = ()
        self.moved_to = None
        self.address = ""

    async def answer(self, request):
        path = request.path[1:]
        self.asked[path] += 1
        if any(part in path for part in self.broken):
            return web.Response(status=503)
        if self.moved_to is not None:
            return web.Response(status=302, headers={"Location": f"{self.moved_to}/{path}"})
        if any(part in path for part in self.absent):
            return web.Response(status=404)
        packed = self.packed(path.removesuffix(".CHECKSUM"))
        if not path.endswith(".CHECKSUM"):
            return web.Response(body=packed)
        if any(part in path for part in self.unstated):
            return web.Response(status=404)
        if any(part in path for part in self.forged):
            packed += b"!"
        name = path.rpartition("/")[2].removesuffix(".CHECKSUM")
        return web.Response(text=f"{hashlib.sha256(packed).hexdigest()}  {name}\n")

    def packed(self, path):
        name = path.rpartition("/")[2].removesuffix(".zip")
        venue_id, what, *day = name.split("-")
        write = metrics if what == "metrics" else klines
        if any(part in path for part in self.foreign):
            venue_id = "ETHUSDT"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo(f"{name}.csv")
            archive.writestr(entry, write(self.market, venue_id, date(*map(int, day))))
        return packed.getvalue()

    def names(self):
        """Return the days whose files were asked for, by kind."""
        return sorted(path.rpartition("/")[2] for path in self.asked if path.endswith(".zip"))


@pytest.fixture
async def files(market):
    files = Files(market)
    app = web.Application()
    app.router.add_get("/{path:.*}", files.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    files.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield files
    await runner.cleanup()


@pytest.fixture
def archive(files, tmp_path):
    """Makes the archive, for all days or only for those beyond a venue's reach."""

    def make(*, all_days=True):
        return Archive(files.address, tmp_path, all_days)

    return make


def known(rows, column):
    """Return how many bars of each day know *column*."""
    found = rows(f"select ts::date as day, count({column}) as known from bars group by 1")
    return {row["day"]: row["known"] for row in found if row["known"]}


async def test_whole_days_come_from_the_archive_and_the_rest_from_the_venue(
    histories, fill, rows, simulator, files, archive
):
    """Of a file the bars say backfill as well; the running day is the venue's."""
    history = await histories("binance", "BTC")
    stretch = Stretch(MIDNIGHT - timedelta(days=2), NOON)

    outcome = await fill(history, stretch, archive())

    assert outcome.problems() == []
    assert outcome.files == 5
    assert files.names() == [
        *(f"BTCUSDT-5m-2026-01-0{day}.zip" for day in (7, 8, 9)),
        *(f"BTCUSDT-metrics-2026-01-0{day}.zip" for day in (8, 9)),
    ]
    archived = rows("select * from bars where ts >= '2026-01-08' and ts < '2026-01-10'")
    assert len(archived) == 2 * 288
    for bar in archived:
        assert (bar["volume_usd"], bar["taker_sell_usd"]) == (100, 60)
        assert (bar["ls_accounts"], bar["ls_top_accounts"], bar["ls_top_positions"]) == (
            2.5,
            1.5,
            1.2,
        )
        assert bar["oi_usd"] == pytest.approx(bar["oi_base"] * bar["close"], rel=0.01)
        assert (bar["origin"], bar["snapshot_count"]) == ("backfill", 0)
        assert bar["volume_24h_usd"] == pytest.approx(28_800)
    assert known(rows, "oi_usd")[date(2026, 1, 10)] == 144
    assert simulator.requests["binance"]["/fapi/v1/klines"] == 1


async def test_only_days_beyond_the_venues_reach_are_taken_where_not_all_are_wanted(
    histories, fill, rows, files, archive
):
    """Binance itself tells thirty days of open interest, and all prices."""
    history = await histories("binance", "BTC")
    stretch = Stretch(NOON - timedelta(days=32), NOON - timedelta(days=31))

    outcome = await fill(history, stretch, archive(all_days=False))

    assert outcome.problems() == []
    assert files.names() == [
        "BTCUSDT-metrics-2025-12-09.zip",
        "BTCUSDT-metrics-2025-12-10.zip",
    ]
    (covered,) = [one for one in outcome.covered if one.what == "open interest"]
    assert (covered.coverage_pct, covered.shortened) == (100.0, False)


async def test_a_second_time_fetches_nothing(histories, fill, files, archive):
    """What is in the lake is not fetched again."""
    history = await histories("binance", "BTC")
    stretch = Stretch(MIDNIGHT - timedelta(days=1), NOON)
    await fill(history, stretch, archive())
    asked = files.asked.total()

    outcome = await fill(history, stretch, archive())

    assert (files.asked.total() - asked, outcome.files, outcome.requests) == (0, 0, 0)


async def test_a_day_that_is_not_there_is_named_and_the_others_go_on(
    histories, fill, rows, files, archive
):
    """And the venue, which still tells of it, fills the hole."""
    files.absent = ("metrics-2026-01-08",)
    history = await histories("binance", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=2), NOON), archive())

    assert outcome.problems() == ["not in the archive: BTCUSDT-metrics-2026-01-08.zip"]
    assert known(rows, "ls_accounts") == {
        date(2026, 1, 8): 288,
        date(2026, 1, 9): 288,
        date(2026, 1, 10): 144,
    }


async def test_a_forged_file_is_refused_and_the_others_go_on(
    histories, fill, rows, files, archive, tmp_path
):
    """Nothing of a file is stored that is not what its checksum is of, and nothing of it stays."""
    files.forged = ("5m-2026-01-09",)
    files.unstated = ("metrics-2026-01-09",)
    history = await histories("binance", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=2), MIDNIGHT), archive())

    forged, unstated = sorted(outcome.problems())
    assert forged.startswith("refused: BTCUSDT-5m-2026-01-09.zip: it does not match the")
    assert unstated.startswith(
        "refused: BTCUSDT-metrics-2026-01-09.zip: its .CHECKSUM file is missing"
    )
    bars = rows("select volume_usd, ls_accounts from bars where ts::date = '2026-01-09'")
    assert len(bars) == 288
    assert all(bar["volume_usd"] != 100 and bar["ls_accounts"] != 2.5 for bar in bars)
    assert outcome.files == 3
    assert [path.name for path in tmp_path.glob("archive-*")] == []


async def test_rows_of_another_instrument_in_a_file_are_left_out(
    histories, fill, rows, files, archive
):
    """The file is called after one, its lines after another."""
    files.foreign = ("metrics-2026-01-09",)
    history = await histories("binance", "BTC")

    await fill(history, Stretch(MIDNIGHT - timedelta(days=1), MIDNIGHT), archive())

    assert rows("select distinct base from bars") == [{"base": "BTC"}]
    assert rows("select count(*)::integer as n from bars where ls_accounts = 2.5") == [{"n": 0}]


async def test_a_file_that_is_far_too_large_is_not_read(
    histories, fill, rows, files, archive, monkeypatch
):
    """Whoever answers in the archive's place cannot fill the disk."""
    monkeypatch.setattr("collector.backfill.archive.MAX_ANSWER_BYTES", 1000)
    history = await histories("binance", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=1), MIDNIGHT), archive())

    assert outcome.files == 0
    assert {problem.rpartition(": ")[2] for problem in outcome.problems()} == {
        "it is too large for one day; nothing was stored"
    }


async def test_a_way_to_another_host_is_not_taken(histories, fill, rows, files, archive):
    """Whoever answers in the archive's place cannot have us ask elsewhere."""
    files.moved_to = files.address.replace("127.0.0.1", "localhost")
    history = await histories("binance", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=1), MIDNIGHT), archive())

    assert outcome.files == 0
    assert any("redirected to another host: " in problem for problem in outcome.problems())
    # The file itself and, with nothing to hold it against, never its checksum.
    assert not any(path.endswith(".CHECKSUM") for path in files.asked)


async def test_days_before_the_listing_are_not_all_asked_for(histories, fill, files, archive):
    """A week of absent days in a row, and there are no older ones."""
    files.absent = ("metrics-2025-",)
    history = await histories("binance", "BTC")

    await fill(history, Stretch(MIDNIGHT - timedelta(days=60), NOON), archive(all_days=False))

    assert len(files.names()) == ABSENT_IN_A_ROW


async def test_an_archive_that_does_not_answer_is_given_up(histories, fill, rows, files, archive):
    """The venue is asked all the same."""
    files.broken = (".zip",)
    history = await histories("binance", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=10), MIDNIGHT), archive())

    assert FAILURES_IN_A_ROW <= len(files.names()) <= FAILURES_IN_A_ROW + 3
    assert any("503" in problem for problem in outcome.problems())
    assert known(rows, "close")[date(2026, 1, 1)] == 288


async def test_a_long_name_finds_its_way_into_an_address_and_back(
    histories, fill, rows, files, archive
):
    """币安人生 is written in percent signs on the wire, and nowhere else."""
    history = await histories("binance", "币安人生")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=1), MIDNIGHT), archive())

    assert outcome.problems() == []
    assert "币安人生USDT-metrics-2026-01-09.zip" in files.names()
    assert known(rows, "oi_base")[date(2026, 1, 9)] == 288


async def test_venues_without_an_archive_have_none(histories, fill, files, archive):
    """Bybit and OKX publish theirs in other shapes."""
    history = await histories("okx", "BTC")

    outcome = await fill(history, Stretch(MIDNIGHT - timedelta(days=1), MIDNIGHT), archive())

    assert outcome.files == 0
    assert files.asked.total() == 0
