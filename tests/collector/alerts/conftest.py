"""Services on loopback that messages are really sent to: HTTP and mail."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

SECRET = "s3cr3t-t0ken"
PASSWORD = "p@ss/w:rd"
AUTH = "me:p%40ss%2Fw%3Ard"
"""User and password as they stand in an address."""


class Sink:
    """A webhook that takes messages, refuses them and says why at length, or never answers."""

    def __init__(self):
        self.mode = "takes"
        self.messages = []
        self.asked = 0
        self.arrived = asyncio.Event()
        self._released = asyncio.Event()

    async def answer(self, request):
        self.asked += 1
        message = await request.json()
        if self.mode == "refuses":
            self.arrived.set()
            heard = dict(request.headers)
            raise web.HTTPInternalServerError(
                text=f"cannot take {request.url} from {heard}, password {PASSWORD}"
            )
        if self.mode == "hangs":
            self.arrived.set()
            await self._released.wait()
        self.messages.append(message)
        self.arrived.set()
        return web.json_response({})

    def release(self):
        self._released.set()


@pytest.fixture
async def sink():
    served = Sink()
    app = web.Application()
    app.router.add_post("/{path:.*}", served.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    served.address = f"json://{AUTH}@127.0.0.1:{port}/{SECRET}?rto=600"
    served.port = str(port)
    served.secrets = (SECRET, PASSWORD, AUTH, "p@ss", served.port, "bWU6cEBzcy93OnJk")
    yield served
    served.release()
    await runner.cleanup()


class Post:
    """A mail server that keeps what it gets, or refuses it."""

    def __init__(self):
        self.mails = []
        self.refuses = False

    async def handle_DATA(self, server, session, envelope):
        if self.refuses:
            return f"554 no mail for {envelope.rcpt_tos} from {envelope.mail_from}"
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
async def post():
    handler = Post()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    names = f"from=desk@{SECRET}.example&to=me@{SECRET}.example"
    handler.address = f"mailto://127.0.0.1:{port}?{names}"
    yield handler
    server.close()
