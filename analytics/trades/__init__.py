"""Monitored trades: how they are opened, changed and closed, and what they are worth.

Nothing is ordered anywhere: a trade is what a person says they hold.
"""
