"""A book is right or it is not there."""

import random

import pytest

from collector.streams.state.books import (
    MAX_LEVELS,
    MAX_WAITING,
    Book,
    Books,
    Change,
    bridged,
    chained,
)
from collector.venues.depth import book_fields

BIDS, ASKS = [(99.9, 3.0), (99.8, 1.0)], [(100.1, 1.0), (100.2, 5.0)]


def change(before, number, bids=(), asks=()):
    return Change(before=before, number=number, bids=bids, asks=asks, at_ms=number)


@pytest.fixture
def book():
    """A chained book whose first state has the number 10."""
    made = Book(chained)
    made.put_first(BIDS, ASKS, 10, 10, whole=True)
    return made


def test_says_the_same_as_the_answer_of_rest_would(book):
    """The formula is that of the order book asked by REST."""
    expected = book_fields([list(level) for level in BIDS], [list(level) for level in ASKS])

    assert book.fields() == expected
    assert book.fields()["book_imbalance"] == pytest.approx((4 - 6) / 10)


def test_applies_changes(book):
    """A quantity replaces that of its price, 0 takes the price away."""
    book.put(change(10, 11, bids=[(99.9, 0.0), (99.8, 4.0)], asks=[(100.1, 2.0), (500.0, 9.0)]))

    assert book.fields() == book_fields([[99.8, 4.0]], [[100.1, 2.0], [100.2, 5.0]])
    assert book.at_ms == 11


def test_a_change_told_twice_changes_nothing(book):
    """A repeat of an older state of a level does not come back."""
    book.put(change(10, 11, bids=[(99.9, 7.0)]))
    book.put(change(11, 12, bids=[(99.9, 8.0)]))

    assert book.put(change(10, 11, bids=[(99.9, 7.0)])) == "known"
    assert book.fields()["book_imbalance"] == pytest.approx((9 - 6) / 15)


def test_is_no_book_after_a_change_was_missed(book):
    """It tells nothing until it has a new first state."""
    assert book.put(change(11, 12)) == "gap"
    assert book.fields() == {}

    book.put_first(BIDS, ASKS, 12, 12, whole=True)

    assert book.fields() != {}


def test_changes_wait_for_the_first_state():
    """Those that are in it already are passed over, the rest is applied, in order."""
    book = Book(bridged)
    for waiting in (change(7, 9), change(12, 15, bids=[(99.9, 8.0)]), change(9, 12)):
        book.put(waiting)

    book.put_first(BIDS, ASKS, 11, 11, whole=True)

    assert book.valid
    assert book.fields()["book_imbalance"] == pytest.approx((9 - 6) / 15)


def test_a_first_state_older_than_what_waits_is_of_no_use():
    """Between it and the first change that waits, something is missing."""
    book = Book(bridged)
    book.put(change(9, 12))

    book.put_first(BIDS, ASKS, 8, 8, whole=True)

    assert not book.valid


def test_few_changes_wait():
    """A first state that never comes does not fill memory."""
    book = Book(bridged)

    for number in range(3 * MAX_WAITING):
        book.put(change(number - 1, number))

    assert len(book._waiting) == MAX_WAITING


def test_leaves_out_levels_beyond_those_of_the_first_state():
    """Of what lies further out, only what changed would be known: that is no depth."""
    book = Book(bridged)
    book.put_first(BIDS, ASKS, 10, 10, whole=False)

    book.put(change(10, 11, bids=[(99.76, 100.0)], asks=[(100.24, 50.0)]))

    assert book.fields()["book_imbalance"] == pytest.approx((4 - 6) / 10)


def test_gives_itself_up_when_the_price_left_its_depth():
    """Where hardly anything is known on one side, a new first state is needed."""
    book = Book(bridged)
    book.put_first(BIDS, ASKS, 10, 10, whole=False)

    book.put(change(10, 11, bids=[(99.9, 0.0)], asks=[(99.85, 1.0)]))

    assert book.fields() == {}
    assert not book.valid


def test_gives_itself_up_when_its_sides_cross(book):
    """A bid above an ask is a book with something missing."""
    book.put(change(10, 11, bids=[(100.15, 1.0)]))

    assert book.fields() == {}
    assert not book.valid


def test_a_book_with_far_too_many_levels_is_none(book):
    """Something has gone wrong with it, and memory is not for that."""
    book.put(change(10, 11, bids=[(50 + n / 1000, 1.0) for n in range(MAX_LEVELS + 1)]))

    assert not book.valid


def test_numbers_may_start_again_from_below(book):
    """OKX's do after maintenance: what counts is the state that a change names."""
    assert book.put(change(10, 3)) == "follows"
    assert book.put(change(3, 4)) == "follows"


def test_a_lower_number_that_does_not_chain_is_a_gap(book):
    """The change to 3 was missed: what follows it is of another state, however low it counts."""
    assert book.put(change(3, 5, bids=[(99.9, 90.0)])) == "gap"
    assert not book.valid


def test_says_which_instruments_want_a_first_state():
    """Those that are followed and not valid."""
    books = Books(chained, in_band=True)
    books.follow(["A", "B", "C"])
    for name in ("A", "B"):
        books.put_first(name, bids=BIDS, asks=ASKS, number=1, at_ms=1, whole=True)
    books.lose(["B", "unknown"])

    assert sorted(books.wanting) == ["B", "C"]
    assert books.fields("unknown") == {}
    books.follow(["A"])
    assert books.wanting == []


def test_a_first_state_among_the_changes_voids_what_came_before():
    """After a restart of the venue numbers begin at 1, and older changes mean nothing."""
    books = Books(chained, in_band=True)
    books.follow(["A"])
    books.by_id["A"].put(change(5000, 5001, bids=[(99.9, 77.0)]))

    books.put_first("A", bids=BIDS, asks=ASKS, number=1, at_ms=1, whole=True)

    assert books.by_id["A"].valid
    assert books.by_id["A"].put(change(1, 2)) == "follows"


def test_follows_a_random_book_through_a_thousand_changes():
    """Against the plain picture of the same book, level by level."""
    rng = random.Random(7)
    bids = {100 - n * 0.01: float(n) for n in range(1, 60)}
    asks = {100 + n * 0.01: float(n) for n in range(1, 60)}
    book = Book(chained)
    book.put_first(list(bids.items()), list(asks.items()), 0, 0, whole=True)

    for number in range(1, 1001):
        changed = []
        for side in (bids, asks):
            price = rng.choice(list(side))
            quantity = rng.choice([0.0, rng.uniform(1, 9)]) if len(side) > 20 else 5.0
            side[price] = quantity
            changed.append([(price, quantity)])
            if quantity == 0:
                del side[price]
        book.put(change(number - 1, number, *changed))

    expected = book_fields(
        [list(level) for level in sorted(bids.items(), reverse=True)],
        [list(level) for level in sorted(asks.items())],
    )
    assert book.fields() == expected
