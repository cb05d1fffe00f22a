"""Indicators: panels of bars in, panels of the same shape out.

Every function takes (T, N) arrays, one row per bar and one column per instrument,
oldest row first, as ``analytics.panels.panel`` makes them, and answers for all
instruments at once. No answer looks at a later row, so that what is appended
never changes what was said before.

**Absent.** NaN is absent, and so is what is infinite or beyond any quantity (1e150).
So is an answer that has no meaning: a division by zero, a percentage of a negative
base, a logarithm of no positive number. Where a window is not full yet, there is no
answer either.

**Gaps.** Each function says which of these it does with the rows a column lacks:

- *in order*: the column's known bars are taken one after the other, as a chart of a
  market takes Friday and Monday; rows of the gap are NaN, and nothing after it is.
  A move that happened during the gap counts as the move of the first bar after it.
- *by the clock*: a value is compared with the row a stated number of bars before;
  if that row is absent there is no answer, because it would be of another span.
"""

from analytics.indicators.bands import Bollinger, bollinger
from analytics.indicators.change import delta, delta_pct
from analytics.indicators.flow import cvd_oi_pct, cvd_usd, obv, taker_imbalance_pct
from analytics.indicators.funding import (
    funding_8h_pct,
    funding_apr_pct,
    premium_pct,
)
from analytics.indicators.momentum import rsi
from analytics.indicators.volatility import atr, volatility_pct
from analytics.indicators.zscores import z_robust, z_score

__all__ = [
    "Bollinger",
    "atr",
    "bollinger",
    "cvd_oi_pct",
    "cvd_usd",
    "delta",
    "delta_pct",
    "funding_8h_pct",
    "funding_apr_pct",
    "obv",
    "premium_pct",
    "rsi",
    "taker_imbalance_pct",
    "volatility_pct",
    "z_robust",
    "z_score",
]
