"""The names that a server on loopback answers to, and pages that are its own."""

import pytest

from analytics.untrusted.hosts import is_ours, is_same_place

ALSO = ("Perps.Example.org", "*.lan")


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("localhost:8501", True),
        ("LOCALHOST:1", True),
        ("localhost.", True),
        ("127.0.0.1:8501", True),
        ("127.9.9.9", True),
        ("[::1]:8501", True),
        ("perps.example.org", True),
        ("perps.example.org:443", True),
        ("box.lan", True),
        (None, False),
        ("", False),
        (":8501", False),
        ("evil.example", False),
        ("evil.example:8501", False),
        ("example.org", False),
        ("lan", False),
        ("evillan", False),
        ("localhost.evil.example", False),
        ("evil.localhost.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.1", False),
        ("0.0.0.0", False),
        ("192.168.0.2", False),
        ("localhost:x", False),
        ("localhost:99999", False),
        ("localhost:0", False),
        ("user@localhost", False),
        ("localhost/path", False),
        ("localhost?a", False),
        ("localhost localhost", False),
        ("[::1", False),
    ],
)
def test_a_name_is_ours_or_not(host, ours):
    """Loopback, however it is written, and what is configured."""
    assert is_ours(host, ALSO) is ours


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("http://127.0.0.1:8501", "127.0.0.1:8501", True),
        ("https://perps.example.org", "perps.example.org", True),
        ("https://perps.example.org:443", "perps.example.org", True),
        ("http://localhost", "localhost:80", True),
        ("http://localhost:9000", "localhost:8501", False),
        ("http://localhost", "localhost:8501", False),
        ("http://127.0.0.1:8501", "localhost:8501", False),
        ("https://evil.example", "localhost:8501", False),
        ("null", "localhost:8501", False),
        ("", "localhost:8501", False),
        ("file://localhost:8501", "localhost:8501", False),
        ("http://localhost:8501/x", "localhost:8501", False),
        ("http://localhost:8501@evil.example", "localhost:8501", False),
    ],
)
def test_a_page_is_of_the_same_place_or_not(origin, host, same):
    """Name and port: another program on this machine is another place."""
    assert is_same_place(origin, host) is same
