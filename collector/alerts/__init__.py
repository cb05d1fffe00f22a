"""Alerts: rules evaluated after every cycle, their episodes stored, and people told.

What a rule and an episode is, is in ``analytics.rules``; here is the way there from published
rows, and from the lake to people's channels.
"""
