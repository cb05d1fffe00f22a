"""What pages and commands have a running collector do, which alone writes to the lake.

``commands`` checks and sends it; ``collector_socket`` is the Unix socket beside the lake. What
each kind of command holds is beside its subject: ``rules.alert_commands``,
``trades.trade_commands``, ``files.upload_commands``.
"""
