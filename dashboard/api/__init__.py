"""The record for programs: REST under /api, by the loaders that the pages ask.

A route names its parameters, reads with a loader and returns rows. How rows are written, kept,
refused and limited is the same for all of them and stands in a module of its own. No formula, no
SQL and no session is in here.
"""
