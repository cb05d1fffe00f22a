"""Pages in Chromium, on servers that are started once for all the files here.

A package, so that its fixtures end with the last test in this folder: an open Playwright keeps
the tests of asyncio that may follow from running.
"""
