"""Which topics go over which connection, with the fewest moves as what is wanted changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def planned(
    current: Sequence[Collection[str]], wanted: Sequence[str], most: int
) -> list[list[str]]:
    """Return the topics of each connection, first those that there are and then new ones.

    What is still wanted stays where it is; what is new goes where there is room, and
    only then to another connection. One left without topics comes back empty.

    Args:
        current: The topics of each connection that there is.
        wanted: All that are wanted, in the order in which they are asked for.
        most: Topics that one connection may have.
    """
    left = dict.fromkeys(wanted)
    plan = []
    for topics in current:
        kept = [topic for topic in topics if topic in left]
        for topic in kept:
            del left[topic]
        plan.append(kept)
    new = list(left)
    # The fullest first: those that empty out may then be given up.
    for topics in sorted(plan, key=len, reverse=True):
        room = max(0, most - len(topics))
        topics.extend(new[:room])
        new = new[room:]
    plan.extend(new[start : start + most] for start in range(0, len(new), most))
    return plan
