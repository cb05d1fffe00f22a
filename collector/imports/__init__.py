"""From files into the lake; ``analytics.files`` reads them.

What is stored goes in by time and in pieces, so that a collector beside it keeps its cycles.
"""
