"""What programs may have of the machine: a question that takes too long ends in the lake, too."""

from __future__ import annotations

import threading

import duckdb
import pytest

from analytics.errors import QueryError
from analytics.lake.reader import Reader
from analytics.time_limit import TimeLimit
from dashboard.api.limits import Limits
from dashboard.api.problems import Problem
from tests.waiting import HANG_S


@pytest.fixture
def reader(record):
    record.snapshot("BTC/USDT:USDT", price=1.0)
    record.publish()
    reader = Reader(record.folder)
    yield reader
    reader.close()


def test_a_query_is_interrupted_at_the_limit(reader):
    """The thread that it runs on is free for others."""
    limit, asking, raised = TimeLimit(), threading.Event(), []

    def ask():
        with limit.watching(), reader.cursor() as cursor:
            asking.set()
            try:
                cursor.execute("select sum(hash(range)) from range(1000000000000)")
            except duckdb.InterruptException as error:
                raised.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert asking.wait(HANG_S)
    limit.end()
    thread.join(HANG_S)

    assert len(raised) == 1


def test_what_is_asked_after_the_limit_is_refused(reader):
    """As the next of several queries of one answer, the first of which took long."""
    limit = TimeLimit()
    limit.end()

    with limit.watching(), pytest.raises(QueryError, match="took too long"), reader.cursor():
        pass
    with reader.cursor() as cursor:
        assert cursor.execute("select 1").fetchone() == (1,)


async def test_who_asks_too_much_is_told_when_to_try_again():
    over = threading.Event()

    with pytest.raises(Problem) as refused:
        await Limits(time_limit_s=0.01).run(lambda: over.wait(HANG_S))
    over.set()

    assert refused.value.status == 503
    assert refused.value.headers == {"Retry-After": "5"}
