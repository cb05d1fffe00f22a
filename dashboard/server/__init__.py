"""The dashboard as a server: the ASGI app, which hosts it answers, what it loads ahead."""
