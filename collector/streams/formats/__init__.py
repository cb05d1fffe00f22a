"""The venues' stream formats: a module per venue describes its streams and reads its frames.

``stream`` is what a description consists of, ``event_reader`` what reading has in common.
Pure: no sockets, no clock, no waiting.
"""
