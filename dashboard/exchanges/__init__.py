"""Exchanges: what each venue holds, how one asset compares over them, and data sources.

Pieces of this page alone; what a second page draws is in ``components``.
"""
