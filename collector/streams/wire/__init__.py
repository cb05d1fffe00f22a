"""The sockets: ``pool`` keeps all connections of a venue, ``connection`` reconnects one for good.

``session`` is one websocket from its opening to its end, ``link`` opens it, ``subscriptions``
asks for topics and ``idle_limits`` says how long a connection may be idle. What frames mean
belongs to ``formats``.
"""
