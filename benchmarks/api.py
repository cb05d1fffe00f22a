"""GET /api/metrics beside a live collector, against a bare FastAPI route with the same bytes.

    python benchmarks/api.py LAKE [--clients 16] [--seconds 20] [--cycle 30] [--encoding gzip]

LAKE is one made by ``big_lake.py``; cycles are appended to a copy of it and published meanwhile.
Both servers run all the time, each a process of its own with the same options of uvicorn, and take
turns of five seconds. The clients are raw sockets of asyncio in this process, which send the next
request once an answer is complete; they parse no more of it than status, length and ETag. How busy
this process is meanwhile is printed: near 100 % it would measure itself. All of it is loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import uvloop
from living_lake import living
from machine import described, free_port

from dashboard import ROOT, serving

ROWS = 200
TURN_S = 5.0
P99_MS = 100.0
LEAST_PER_S = 300.0
LEAST_OF_BARE = {"whole": 0.5, "known": 0.8}
"""Requests a second, as a part of the bare route's."""
_ETAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Told:
    """What all clients of one server were told."""

    took_ms: list[float] = field(default_factory=list)
    statuses: dict[bytes, int] = field(default_factory=dict)
    spent_s: float = 0.0


class Client(asyncio.Protocol):
    """One connection, which asks again and again until its time is over."""

    def __init__(self, request: bytes, until: float, told: Told, *, knows: bool) -> None:
        """Ask *request* until *until*; name the ETag of the answer before if it *knows* it."""
        self._request, self._until, self._told, self._knows = request, until, told, knows
        self._known = b""
        self._head, self._left = b"", -1
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask first."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._head, self._left, self._began = b"", -1, time.perf_counter()
        self._transport.write(self._request + self._known + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Count what comes, and ask again once all is there."""
        if self._left < 0:
            head, end, body = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            length = _LENGTH.search(head)
            self._left = int(length[1]) if length else 0
            self._read(head)
            data = body
        self._left -= len(data)
        if self._left == 0:
            self._complete()

    def _read(self, head: bytes) -> None:
        status = head[9:12]
        self._told.statuses[status] = self._told.statuses.get(status, 0) + 1
        if status == b"304":
            # Its length, where one is stated, is that of what is known.
            self._left = 0
        elif self._knows and (tag := _ETAG.search(head)):
            self._known = b"If-None-Match: " + tag[1] + b"\r\n"

    def _complete(self) -> None:
        now = time.perf_counter()
        self._told.took_ms.append(1000 * (now - self._began))
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Say that it is over."""
        if not self.over.done():
            self.over.set_result(error)


async def turn(port: int, given: argparse.Namespace, told: Told, *, knows: bool) -> None:
    """Have the clients ask the server on *port* for one turn."""
    lines = (
        f"GET /api/metrics?limit={ROWS} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: */*",
        f"Accept-Encoding: {given.encoding}",
    )
    request = "".join(f"{line}\r\n" for line in lines).encode()
    began = time.perf_counter()
    until = began + min(TURN_S, given.seconds)
    loop = asyncio.get_running_loop()
    clients = [
        (
            await loop.create_connection(
                lambda: Client(request, until, told, knows=knows), "127.0.0.1", port
            )
        )[1]
        for _ in range(given.clients)
    ]
    lost = await asyncio.wait_for(
        asyncio.gather(*(client.over for client in clients)), given.seconds + 60
    )
    told.spent_s += time.perf_counter() - began
    if any(lost):
        raise SystemExit(f"a connection was lost: {next(filter(None, lost))}")


def compared(ports: dict[str, int], given: argparse.Namespace, kind: str) -> bool:
    """Let both servers take turns, print what came out, and return whether it is within bounds."""
    told = {name: Told() for name in ports}
    cpu_s, began = time.process_time(), time.perf_counter()
    for _ in range(max(round(given.seconds / TURN_S), 1)):
        for name, port in ports.items():
            uvloop.run(turn(port, given, told[name], knows=kind == "known"))
    busy = (time.process_time() - cpu_s) / (time.perf_counter() - began)
    rates = {name: len(one.took_ms) / one.spent_s for name, one in told.items()}
    for name, one in told.items():
        p50, p99, most = np.percentile(one.took_ms, (50, 99, 100))
        said = ", ".join(f"{n:,} × {status.decode()}" for status, n in one.statuses.items())
        print(
            f"{kind:6} {name:5} {rates[name]:8,.0f}/s  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  "
            f"max {most:6.0f} ms  {said}"
        )
    ratio = rates["api"] / rates["bare"]
    p99 = float(np.percentile(told["api"].took_ms, 99))
    holds = (
        p99 <= P99_MS
        and rates["api"] >= LEAST_PER_S
        and ratio >= LEAST_OF_BARE[kind]
        and not any(status.startswith((b"4", b"5")) for status in told["api"].statuses)
    )
    print(
        f"{kind:6} {ratio:.2f} × bare (at least {LEAST_OF_BARE[kind]}), p99 {p99:.0f} ms (at most "
        f"{P99_MS:.0f}), at least {LEAST_PER_S:.0f}/s, clients {busy:.0%} of a core  "
        f"{'ok' if holds else 'MISSED'}",
        flush=True,
    )
    return holds


def answer(port: int, encoding: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the API's answer, once it is computed and kept."""
    address = f"http://127.0.0.1:{port}/api/metrics?limit={ROWS}"
    asked = urllib.request.Request(address, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(asked, timeout=120) as got:
        hop = ("date", "server", "content-length", "connection")
        headers = {name.lower(): value for name, value in got.headers.items()}
        return {name: value for name, value in headers.items() if name not in hop}, got.read()


@contextmanager
def bare(kept: tuple[dict[str, str], bytes]) -> Iterator[int]:
    """The bare route for the length of the block; its port."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(kept))
        file.flush()
        script = Path(__file__).with_name("bare_api.py")
        with subprocess.Popen([sys.executable, str(script), str(port), file.name]) as process:
            try:
                _await(port, process)
                yield port
            finally:
                process.terminate()
                process.wait(20)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                return
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the bare route did not start") from None
            time.sleep(0.1)
    raise SystemExit("the bare route does not answer")


def main() -> None:
    """Compare, and exit with 1 if a bound is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lake", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--cycle", type=float, default=30)
    parser.add_argument("--encoding", choices=("identity", "gzip", "zstd"), default="gzip")
    given = parser.parse_args()
    print(described())
    script = ROOT / "dashboard" / "server" / "app.py"
    with (
        living(given.lake, given.cycle) as lake,
        serving(
            script,
            PERPSCOPE_DATA_DIR=str(lake.folder),
            PERPSCOPE_INTERVAL_S=str(lake.interval_s),
        ) as server,
    ):
        port = int(server.url.rpartition(":")[2])
        kept = answer(port, given.encoding)
        print(f"{ROWS} rows, {len(kept[1]):,} bytes {given.encoding}, {given.clients} clients")
        with bare(kept) as other:
            ports = {"api": port, "bare": other}
            held = [compared(ports, given, kind) for kind in LEAST_OF_BARE]
    sys.exit(not all(held))


if __name__ == "__main__":
    main()
