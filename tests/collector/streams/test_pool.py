"""Which topics go over which connection."""

from hypothesis import given
from hypothesis import strategies as st

from collector.streams.wire.pool import planned

TOPICS = st.lists(st.sampled_from([f"t{n}" for n in range(12)]), unique=True)


def test_what_is_wanted_still_stays_where_it_is():
    plan = planned([["a", "b", "c"], ["d"]], ["d", "a", "e"], most=3)

    assert plan == [["a", "e"], ["d"]]


def test_no_connection_has_more_than_it_may():
    assert planned([], list("abcdefg"), most=3) == [list("abc"), list("def"), ["g"]]


def test_one_left_without_topics_comes_back_empty():
    assert planned([["a"], ["b"]], ["a"], most=1) == [["a"], []]


def test_room_is_filled_before_another_connection_is_opened():
    assert planned([["a"], ["b", "c"]], list("abcdef"), most=3) == [
        ["a", "e", "f"],
        ["b", "c", "d"],
    ]


@given(wanted=TOPICS, before=TOPICS, most=st.integers(1, 5))
def test_everything_wanted_is_there_once_and_nothing_moves(wanted, before, most):
    current = planned([], before, most)

    plan = planned(current, wanted, most)

    assert sorted(topic for topics in plan for topic in topics) == sorted(wanted)
    assert all(len(topics) <= most for topics in plan)
    for had, has in zip(current, plan, strict=False):
        assert [topic for topic in had if topic in wanted] == has[: len(set(had) & set(wanted))]
