"""What a cycle gets: everything once, nothing invented, nothing before it is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.streams.holes.hole import mark, missed_nothing
from collector.streams.state.flows import Flows
from collector.streams.state.seen import Names, Numbers

BTC = "BTCUSDT"


@pytest.fixture
def flows(listed):
    made = Flows(Numbers)
    made.follow([listed("binance", BTC)])
    return made


NOW_MS = 10**13


def trade(flows, number, usd=100.0, buys=True):
    return flows.by_id[BTC].trade(number, 1000 + number, usd, 1.0, buys, NOW_MS)


def test_knows_nothing_before_the_stream_is_heard(flows):
    """Without a stream flows are absent, not 0; with one and no trade they are 0."""
    before = flows.take(BTC)
    flows.begin("trades", [BTC])
    after = flows.take(BTC)

    assert (before.taker_buy_usd, before.taker_sell_usd) == (None, None)
    assert (after.taker_buy_usd, after.taker_sell_usd) == (0, 0)
    assert (after.liq_long_usd, after.liq_short_usd) == (None, None)


def test_says_that_the_first_flows_are_partial(flows):
    """Nobody listened between the snapshot before and the start of the stream."""
    flows.begin("trades", [BTC])
    flows.begin("liquidations", [BTC])

    assert flows.take(BTC).flags == ("partial:trades", "partial:liquidations")
    assert flows.take(BTC).flags == ()


def test_a_stream_that_goes_on_is_not_partial_again(flows):
    """Asking for what is told already changes nothing."""
    flows.begin("trades", [BTC])
    flows.take(BTC)
    flows.begin("trades", [BTC])

    assert flows.take(BTC).flags == ()


def test_starts_anew_with_each_taking(flows):
    """A trade belongs to the cycle that it was received in."""
    flows.begin("trades", [BTC])
    trade(flows, 1, 100)
    trade(flows, 2, 30, buys=False)
    first = flows.take(BTC)
    trade(flows, 3, 7)

    assert (first.taker_buy_usd, first.taker_sell_usd) == (100, 30)
    assert flows.take(BTC).taker_buy_usd == 7


def test_withholds_flows_while_a_hole_is_open_and_carries_them_on(flows):
    """Before, within and after the hole: all of it comes with the first snapshot after."""
    flows.begin("trades", [BTC])
    flows.take(BTC)
    trade(flows, 1, 100)
    flows.hold("trades", [BTC])
    during = flows.take(BTC)
    trade(flows, 3, 10)
    trade(flows, 2, 1)
    flows.release("trades", [BTC], complete=True)
    after = flows.take(BTC)

    assert during.taker_buy_usd is None
    assert (after.taker_buy_usd, after.flags) == (111, ())


def test_flags_what_remains_of_a_hole_that_could_not_be_repaired(flows):
    """The known part is given, and says that it is one; the next is whole again."""
    flows.begin("trades", [BTC])
    flows.take(BTC)
    flows.hold("trades", [BTC])
    trade(flows, 5, 10)
    flows.release("trades", [BTC], complete=False)

    assert (flows.take(BTC).flags, flows.take(BTC).flags) == (("partial:trades",), ())


def test_waits_for_every_open_hole(flows):
    """A second hole while the first is being repaired keeps the flows back."""
    flows.begin("trades", [BTC])
    flows.hold("trades", [BTC])
    flows.hold("trades", [BTC])
    flows.release("trades", [BTC], complete=False)
    one_open = flows.take(BTC)
    flows.release("trades", [BTC], complete=True)

    assert one_open.taker_buy_usd is None
    assert flows.take(BTC).flags == ("partial:trades",)


def test_a_hole_in_one_channel_leaves_the_other_alone(flows):
    """Liquidations come over another subscription than trades."""
    flows.begin("trades", [BTC])
    flows.begin("liquidations", [BTC])
    flows.hold("liquidations", [BTC])

    taken = flows.take(BTC)

    assert (taken.taker_buy_usd, taken.liq_long_usd) == (0, None)


def test_knows_nothing_after_the_stream_ended(flows):
    """An instrument whose subscription ended has no flows, and keeps none for later."""
    flows.begin("trades", [BTC])
    trade(flows, 1)
    flows.end("trades", [BTC])
    ended = flows.take(BTC)
    flows.begin("trades", [BTC])

    assert ended.taker_buy_usd is None
    assert flows.take(BTC).taker_buy_usd == 0


def test_follows_the_universe(flows, listed):
    """Those that stay keep their sums; those that left are forgotten; an unknown one is absent."""
    flows.begin("trades", [BTC])
    trade(flows, 1, 50)

    flows.follow([listed("binance", BTC), listed("binance", "ETHUSDT")])
    kept = flows.take(BTC).taker_buy_usd
    flows.follow([listed("binance", "ETHUSDT")])

    assert kept == 50
    assert flows.take(BTC).taker_buy_usd is None
    assert list(flows.by_id) == ["ETHUSDT"]


def test_names_are_kept_for_as_long_as_a_hole_is_open(listed):
    """A repair after an hour still finds what was counted before the hole."""
    flows = Flows(Names)
    flows.follow([listed("bybit", BTC)])
    flow = flows.by_id[BTC]
    flow.trade("before", 1000, 5.0, 1.0, True, NOW_MS)

    flows.hold("trades", [BTC])
    flow.trade("after", 3_601_000, 5.0, 1.0, True, NOW_MS)
    again = flow.trade("before", 1000, 5.0, 1.0, True, NOW_MS)
    flows.release("trades", [BTC], complete=True)

    assert again == "duplicate"
    assert not flow.seen.kept


def test_only_the_number_after_the_last_one_proves_that_nothing_was_missed(flows):
    """After an end there is no last one, however many trades were counted before."""
    flow = flows.by_id[BTC]
    trade(flows, 1)
    known = mark(flow)
    trade(flows, 2)
    proven = missed_nothing(flow, known)
    flows.end("trades", [BTC])
    unknown = mark(flow)
    trade(flows, 9)

    assert proven
    assert not missed_nothing(flow, unknown)


def test_tells_which_trades_were_missed(flows):
    """Binance numbers trades without gaps: a number left out is a trade that was missed."""
    trade(flows, 10)
    trade(flows, 15)

    assert flows.holes(BTC) == [(11, 14)]
    assert flows.holes("unknown") == []


@settings(deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("seen", [Numbers, Names])
def test_any_delivery_of_the_same_trades_gives_the_same_sums(listed, seen, data):
    """Repeats, reorders and a reconnection's overlap change nothing; takings only split it."""
    cents = data.draw(st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), min_size=1))
    numbers = range(len(cents))
    again = data.draw(st.lists(st.sampled_from(numbers)))
    overlap = data.draw(st.integers(0, len(cents)))
    delivered = data.draw(st.permutations([*numbers, *again, *numbers[overlap:]]))
    takings = data.draw(st.sets(st.sampled_from(range(len(delivered)))))
    flows = Flows(seen)
    flows.follow([listed("binance", BTC)])
    flows.begin("trades", [BTC])

    bought = sold = 0.0
    for turn, number in enumerate(delivered):
        usd, buys = cents[number]
        at_ms = 10**12 + number
        flows.by_id[BTC].trade(number + 1, at_ms, float(usd), 1.0, buys, NOW_MS)
        if turn in takings:
            taken = flows.take(BTC)
            bought, sold = bought + taken.taker_buy_usd, sold + taken.taker_sell_usd
    taken = flows.take(BTC)

    assert bought + taken.taker_buy_usd == sum(usd for usd, buys in cents if buys)
    assert sold + taken.taker_sell_usd == sum(usd for usd, buys in cents if not buys)
    assert flows.by_id[BTC].trades.events == len(cents)
