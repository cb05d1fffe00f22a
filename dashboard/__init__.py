"""From the lake to people and programs.

Pages and the API read what the collector published. Nothing here asks a venue
or writes to the lake.
"""
