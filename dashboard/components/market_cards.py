"""The strip of market figures, from what is known at a time."""

from __future__ import annotations

import pandas as pd

from analytics.market.figures import Figure, whole_market
from analytics.market.oi_split import OiSplit, oi_split
from analytics.palette import Colors
from dashboard.components.cards import cards
from dashboard.loaders import queries
from dashboard.state.as_of import Moment
from dashboard.state.view import View


def market_cards(
    pairs: pd.DataFrame, silent: pd.DataFrame, shown: Moment, seen: View, look: Colors
) -> tuple[dict[str, Figure], OiSplit | None]:
    """Draw the figures of *pairs*; return them.

    Args:
        pairs: Those of ``pairs.sql`` that are shown, with the split of their open interest.
        silent: Of ``silent_pairs.sql``, those that are shown.
        shown: When.
        seen: Over what time changes are.
        look: The colours of the theme.
    """
    history = queries.market_history(shown, seen.pairs)
    liquidated = queries.liquidated(shown, seen.span)
    what = (seen.timeframe, seen.venues, seen.pairs)
    market = queries.derived(
        "market",
        shown,
        what,
        lambda: whole_market(pairs, seen.of(history), liquidated, seen.span, silent),
    )
    split = oi_split(pairs, len(silent))
    cards(market, split, seen.timeframe, shown, look)
    return market, split
