import pytest

from collector.venues.depth import book_fields


def test_compares_what_lies_within_25_bps_of_mid():
    """Mid 100: from 99.75 to 100.25. Bids of 3 against asks of 1."""
    bids = [["99.99", "1"], ["99.75", "2"], ["99.74", "1000"]]
    asks = [["100.01", "0.5"], ["100.25", "0.5"], ["100.26", "1000"]]

    fields = book_fields(bids, asks)

    assert fields["book_imbalance"] == pytest.approx((3 - 1) / (3 + 1))
    assert fields["spread_bps"] == pytest.approx(2.0)


def test_a_short_book_is_compared_as_far_as_it_goes():
    """Two levels that end well before 25 bps are what there is."""
    fields = book_fields([["99.99", "1"]], [["100.01", "3"]])

    assert fields["book_imbalance"] == pytest.approx(-0.5)


def test_a_wide_book_has_a_spread_and_no_imbalance():
    """With nothing within 25 bps there is nothing to compare."""
    fields = book_fields([["90", "1"]], [["110", "3"]])

    assert fields["book_imbalance"] is None
    assert fields["spread_bps"] == pytest.approx(2000)


@pytest.mark.parametrize(("bids", "asks"), [([], [["1", "1"]]), ([["1", "1"]], []), ([], [])])
def test_a_book_with_one_side_says_nothing(bids, asks):
    """Without a mid there is neither a spread nor a distance from it."""
    assert book_fields(bids, asks) == {}


@pytest.mark.parametrize("level", [["n/a", "1"], ["0", "1"], ["-1", "1"], [], None, "99", ["99"]])
def test_a_best_level_that_cannot_be_read_spoils_both_figures(level):
    """Validation then refuses and counts them."""
    fields = book_fields([level], [["100.01", "1"]])

    assert [str(value) for value in fields.values()] == ["nan", "nan"]


def test_a_deeper_size_that_cannot_be_read_spoils_the_imbalance_only():
    """The best prices are still there."""
    fields = book_fields([["99.99", "1"], ["99.98", None]], [["100.01", "1"]])

    assert str(fields["book_imbalance"]) == "nan"
    assert fields["spread_bps"] == pytest.approx(2.0)


def test_a_crossed_book_shows_a_spread_of_less_than_nothing():
    """By which validation knows it."""
    fields = book_fields([["100.01", "1"]], [["99.99", "1"]])

    assert fields["spread_bps"] == pytest.approx(-2.0)
    assert fields["book_imbalance"] is not None
