"""The states of a rule, minute by minute."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.rules.episode import Change, State, Waits, after, step

START = datetime(2025, 10, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(
    pattern: str, waits: Waits, clear: str | None = None, *, restarts: bool = False
) -> list[tuple[int, Change]]:
    """Step once a minute over *pattern* (T true, F false, ? unknown); return (minute, change).

    With *restarts* the state is made anew before each minute, from nothing but the newest changes.
    """
    known = {"T": True, "F": False, "?": None}
    state, changes = State(), []
    started = resolved = None
    for minute, letter in enumerate(pattern):
        if restarts and changes:
            last, what = changes[-1]
            state = after(what, started, START + last * MINUTE, resolved)
        holds = known[letter]
        over = None if holds is None else not holds
        if clear is not None:
            over = known[clear[minute]]
        state, change = step(state, START + minute * MINUTE, holds, waits, clear=over)
        if change:
            changes.append((minute, change))
            started, resolved = state.started or started, state.resolved
    return changes


@pytest.mark.parametrize(
    ("pattern", "waits", "expected"),
    [
        ("FTTF", Waits(), [(1, "firing"), (3, "resolved")]),
        # `for`: true without a break, and the third minute is the first with two minutes behind it.
        ("TTTT", Waits(hold=2 * MINUTE), [(0, "pending"), (2, "firing")]),
        ("TTFTT", Waits(hold=2 * MINUTE), [(0, "pending"), (2, "dropped"), (3, "pending")]),
        # `keep_firing_for`: over for two minutes without a break.
        ("TFTFFF", Waits(keep=2 * MINUTE), [(0, "firing"), (1, "clearing"), (2, "held"),
                                             (3, "clearing"), (5, "resolved")]),
        ("TFTFTFTF", Waits(cool_down=4 * MINUTE), [(0, "firing"), (1, "resolved"), (6, "firing"),
                                                   (7, "resolved")]),
        # Unknown neither fires nor resolves, and does not break what was going on.
        ("?????", Waits(), []),
        ("T???F", Waits(), [(0, "firing"), (4, "resolved")]),
        ("T?T", Waits(hold=2 * MINUTE), [(0, "pending"), (2, "firing")]),
        ("T??", Waits(hold=2 * MINUTE), [(0, "pending")]),
        ("TF?F", Waits(keep=2 * MINUTE), [(0, "firing"), (1, "clearing"), (3, "resolved")]),
    ],
)  # fmt: skip
def test_a_rule_goes_through_its_states(
    pattern: str, waits: Waits, expected: list[tuple[int, Change]]
) -> None:
    assert run(pattern, waits) == expected


def test_a_condition_to_clear_keeps_a_rule_firing_between_two_levels() -> None:
    # True, then false but not yet clear, true again, then clear: one episode.
    assert run("TFTFF", Waits(), clear="FFFFT") == [(0, "firing"), (4, "resolved")]


def test_a_clock_set_back_changes_nothing() -> None:
    fired, _ = step(State(), START, True, Waits(), clear=False)
    for earlier in (START, START - timedelta(hours=3)):
        assert step(fired, earlier, False, Waits(), clear=True) == (fired, None)


@given(
    pattern=st.text("TF?", max_size=60),
    hold=st.integers(0, 4),
    keep=st.integers(0, 4),
    cool=st.integers(0, 4),
    cut=st.integers(0, 60),
)
def test_changes_alternate_outlive_restarts_and_depend_on_no_later_minute(
    pattern: str, hold: int, keep: int, cool: int, cut: int
) -> None:
    waits = Waits(hold=hold * MINUTE, keep=keep * MINUTE, cool_down=cool * MINUTE)
    changes = run(pattern, waits)
    fired = [change for _, change in changes if change in ("firing", "resolved")]
    assert fired == (["firing", "resolved"] * len(fired))[: len(fired)]
    assert run(pattern[:cut], waits) == [(m, c) for m, c in changes if m < cut]
    assert run(pattern, waits, restarts=True) == changes
    for minute, change in changes:
        if change == "firing":
            held = pattern[minute - hold : minute + 1]
            assert pattern[minute] == "T"
            assert "F" not in held
            assert len(held) == hold + 1
