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
