"""Alerts in the collector: from the lake to people's channels."""
