"""Signals: six tiers of conditions, a seventh of liquidations, and when they fired.

``thresholds`` are the settings, ``tiers`` the conditions, ``oi_share`` what tier 5 needs,
``fired`` the signals of all instruments and ``of_pair`` those of one pair. Indicators that
signals are made of are in ``analytics.indicators``.
"""
