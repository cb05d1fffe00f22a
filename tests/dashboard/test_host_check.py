"""A dashboard as it is served: to whom it answers, on every path."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import HANG_S, until

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "sixteen letters!"
PAGES = ("/", "/market", "/static/x.js", "/_stcore/health", "/_stcore/metrics", "/nowhere")

OPENING = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A dashboard installed where no config.toml of ours is, for a user who guards nothing."""
    folder = tmp_path_factory.mktemp("served")
    for name in ("analytics", "collector", "dashboard", "perpscope.py"):
        (folder / name).symlink_to(REPOSITORY / name)
    home = folder / "home"
    (home / ".streamlit").mkdir(parents=True)
    (home / ".streamlit" / "config.toml").write_text(
        '[server]\nenableXsrfProtection = false\nallowedHosts = ["*"]\n'
    )
    token = folder / "token"
    token.touch(0o600)
    token.write_text(f"{TOKEN}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "serve", "--port", str(port)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "HOME": str(home),
            "PERPSCOPE_DATA_DIR": str(folder / "lake"),
            "PERPSCOPE_ALLOWED_HOSTS": "perps.example.org",
            "PERPSCOPE_TOKEN_FILE": "token",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None
            yield port
        finally:
            process.terminate()
            process.wait(HANG_S)


def _listens(port):
    try:
        return asked(port, "GET", "/_stcore/health", f"127.0.0.1:{port}").status == 200
    except OSError:
        return False


def asked(port, method, path, *hosts, **headers):
    """Return the answer to a request with these Host headers; its text is in ``said``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_S)
    try:
        connection.putrequest(method, path, skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.said = "" if answer.status == 101 else answer.read().decode(errors="replace")
    finally:
        connection.close()
    return answer


def opened(port, host, **headers):
    """Return the status that opening the websocket is answered with."""
    more = {name.replace("-", "_"): value for name, value in OPENING.items()}
    return asked(port, "GET", "/_stcore/stream", host, **more, **headers).status


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "", "localhost@evil.example"]
)
def test_no_path_answers_to_another_name(port, path, host):
    """A site whose name points to loopback reads nothing."""
    answer = asked(port, "GET", path, host.format(port=port))

    assert answer.status == 403
    assert answer.said.startswith("unknown host name")


def test_programs_are_told_so_as_the_api_tells_of_errors(port):
    answer = asked(port, "GET", "/api/metrics", "evil.example")

    assert (answer.status, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert json.loads(answer.said)["detail"].startswith("unknown host name")


@pytest.mark.parametrize(("token", "status"), [(TOKEN, 200), ("another one, as long", 401)])
def test_the_api_beyond_loopback_asks_for_the_token_of_the_file(port, token, status):
    """The file is named relative to where perpscope was started."""
    authorization = f"Bearer {token}"

    answer = asked(
        port, "GET", "/api/openapi.json", "perps.example.org", Authorization=authorization
    )

    assert answer.status == status


def test_nor_to_two_names(port):
    """Whoever looks at the first may not be who looks at the last."""
    assert asked(port, "GET", "/", f"localhost:{port}", "evil.example").status in (400, 403)


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "perps.example.org"])
def test_it_answers_to_loopback_and_to_what_is_configured(port, host):
    """The page itself, and in no frame."""
    answer = asked(port, "GET", "/", host.format(port=port))

    assert answer.status == 200
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_a_component_of_a_page_may_be_in_a_frame_of_that_page(port):
    """Streamlit shows some of them so."""
    path = "/component/streamlit_autorefresh.st_autorefresh/index.html"

    answer = asked(port, "GET", path, f"localhost:{port}")

    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:{port}", "http://localhost:{port}", 101),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", 101),
        ("perps.example.org", "https://perps.example.org", 101),
        ("localhost:{port}", "http://localhost:9", 403),
        ("localhost:{port}", "http://127.0.0.1:{port}", 403),
        ("localhost:{port}", "https://evil.example", 403),
        ("localhost:{port}", "null", 403),
        ("evil.example", "http://evil.example", 403),
        ("", "http://localhost:{port}", 403),
    ],
)
def test_the_websocket_is_for_pages_of_ours(port, host, origin, status):
    """Of the same name and port; another program on loopback is another site."""
    assert opened(port, host.format(port=port), Origin=origin.format(port=port)) == status


def test_a_file_is_taken_with_the_pages_token_only(port):
    """Also where a user's own configuration of Streamlit says otherwise."""
    answer = asked(port, "PUT", "/_stcore/upload_file/a/b", f"localhost:{port}")

    assert answer.status == 403
    assert "XSRF" in answer.said
