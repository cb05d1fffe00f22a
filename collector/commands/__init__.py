"""The commands of ``perpscope`` that are more than a call: one module each.

The command line itself, with its options, is ``perpscope.py``.
"""
