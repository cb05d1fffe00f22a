"""Each id once, in any order, in bounded memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.streams.state.seen import (
    MAX_NAMES,
    MAX_RANGES,
    SLICE_MS,
    WINDOW_MS,
    Events,
    Names,
    Numbers,
)

deliveries = st.lists(st.integers(0, 60), max_size=200)


@settings(deadline=None, derandomize=True)
@given(deliveries)
def test_takes_every_number_once_in_any_order(numbers):
    """A number is new the first time and a duplicate from then on, wherever it comes."""
    seen, heard = Numbers(), set()

    for number in numbers:
        assert seen.refuses(number, 0) == ("duplicate" if number in heard else None)
        heard.add(number)


@settings(deadline=None, derandomize=True)
@given(st.sets(st.integers(1, 200), min_size=1))
def test_knows_which_numbers_are_missing(numbers):
    """What lies between the first and the last number heard and was not heard."""
    seen = Numbers()

    for number in sorted(numbers):
        seen.refuses(number, 0)

    missing = {n for first, last in seen.holes for n in range(first, last + 1)}
    assert missing == set(range(min(numbers), max(numbers) + 1)) - numbers


def test_a_number_from_nowhere_loses_none_of_the_others():
    """A garbled id far ahead does not make the right ones duplicates."""
    seen = Numbers()
    seen.refuses(100, 0)
    seen.refuses(10**15, 0)

    assert [seen.refuses(number, 0) for number in range(101, 200)] == [None] * 99
    assert seen.refuses(150, 0) == "duplicate"


def test_what_is_skipped_is_neither_missing_nor_counted_again():
    seen = Numbers()
    for number in (10, 12):
        seen.refuses(number, 0)

    seen.skip()

    assert seen.last is None
    assert seen.refuses(50, 0) is None
    assert seen.holes == []
    assert (seen.refuses(12, 0), seen.refuses(11, 0), seen.refuses(50, 0)) == (
        "too_old",
        "too_old",
        "duplicate",
    )


def test_gives_up_the_oldest_missing_numbers_when_there_are_too_many():
    """Ids with gaps everywhere do not grow memory; what was given up is refused, not doubled."""
    seen = Numbers()

    for number in range(0, 40 * MAX_RANGES, 2):
        assert seen.refuses(number, 0) is None

    assert len(seen.holes) <= MAX_RANGES
    assert seen.refuses(1, 0) == "too_old"
    assert seen.refuses(40 * MAX_RANGES - 3, 0) is None
    assert seen.refuses(40 * MAX_RANGES - 3, 0) == "duplicate"


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=200))
def test_never_takes_a_name_twice(events):
    """Whatever was forgotten, a name is new at most once."""
    seen, taken = Names(), set()

    for name, step in events:
        at_ms = name * WINDOW_MS // 6 + step  # The same name always at about the same time.
        if seen.refuses(f"{name} {step}", at_ms) is None:
            assert (name, step) not in taken
            taken.add((name, step))


@settings(deadline=None, derandomize=True)
@given(st.permutations(range(40)), st.integers(1, 3))
def test_takes_every_name_within_the_window_once_in_any_order(order, times):
    """Nothing is refused that is young enough and new."""
    seen = Names()

    results = [seen.refuses(f"trade {n}", 10**12 + n * (WINDOW_MS // 50)) for n in order * times]

    assert results.count(None) == 40
    assert results.count("duplicate") == 40 * (times - 1)


def test_forgets_names_that_are_older_than_the_window():
    """Memory follows the pace of trades, not the time that passed."""
    seen = Names()

    for n in range(100_000):
        seen.refuses(f"trade {n}", n * 100)

    assert seen.count <= (WINDOW_MS + 2 * SLICE_MS) // 100
    assert seen.refuses("trade 5", 500) == "too_old"


def test_keeps_names_while_a_hole_is_open():
    """What REST fills in an hour later is still known where it was heard before."""
    seen = Names()
    seen.refuses("before", 1000)
    seen.kept = True
    seen.refuses("after", 1000 + 3_600_000)

    assert seen.refuses("before", 1000) == "duplicate"
    assert seen.refuses("within", 1500) is None


def test_counts_every_trade_of_a_burst():
    """More in one second than are ever remembered: none is refused for it."""
    seen = Names()
    seen.refuses("before", 9_000)

    results = [seen.refuses(n, 10_000 + n % 1000) for n in range(3 * MAX_NAMES)]

    assert results == [None] * (3 * MAX_NAMES)
    assert seen.refuses(5, 10_005) == "duplicate"


def test_its_count_is_that_of_the_names_it_holds():
    """Also after names came that were too old to be kept."""
    seen = Names()

    for n in range(50_000):
        seen.refuses(n, 10**9 + n * 10 - (n % 7) * WINDOW_MS // 3)

    assert seen.count == sum(map(len, seen._slices.values())) <= MAX_NAMES


def test_remembers_no_more_names_than_its_cap():
    """A burst in one window, or a hole that stays open, is bounded too."""
    seen = Names()
    seen.kept = True

    for n in range(3 * MAX_NAMES):
        seen.refuses(n, n)

    assert seen.count <= MAX_NAMES


def test_an_event_is_known_by_what_it_says_however_old_it_is():
    """And memory is bounded: of three remembered, the eldest is forgotten first."""
    seen = Events(most=3)

    assert [seen.refuses(name) for name in "abcab"] == [None, None, None, "duplicate", "duplicate"]
    assert seen.refuses("d") is None
    assert [seen.refuses(name) for name in "bcd"] == ["duplicate"] * 3
    assert seen.refuses("a") is None
