"""Alerts: what fires now, what waits, what fired before, and what is told.

The page is ``app_pages/alerts.py``.
"""
