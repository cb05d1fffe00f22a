"""Cached reads of the lake: the only place with ``st.cache_*`` in it.

What is read is kept until the next publish, and never longer than half a minute:
while the market is live the clock goes in unhashed, so that all sessions share one
read of each publish.
"""
