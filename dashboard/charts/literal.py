"""Names as they are: Plotly takes tags and entities in every label for markup, links and all."""

from __future__ import annotations

from html import escape


def literal(name: str) -> str:
    """Return a venue's, or anyone's, *name* so that Plotly shows it as it is."""
    return escape(name, quote=False)
