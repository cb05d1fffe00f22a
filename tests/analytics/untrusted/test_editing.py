"""Who may edit, by what a page's request says of where it comes from."""

import pytest

from analytics.untrusted.editing import refusal

HERE = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


@pytest.mark.parametrize(
    "headers",
    [HERE, {"host": "127.0.0.1:8501"}, {"HOST": "[::1]:8501"}],
    ids=["by name", "without an origin", "by address"],
)
def test_loopback_is_let_in(headers):
    assert refusal("loopback", headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "perps.example.org", "Origin": "https://perps.example.org"},
        # A proxy that asks by loopback in the visitor's stead.
        HERE | {"Origin": "https://perps.example.org"},
        HERE | {"x-forwarded-for": "10.0.0.7"},
        HERE | {"Forwarded": "for=10.0.0.7"},
        HERE | {"Via": "1.1 proxy"},
    ],
)
def test_whoever_comes_through_a_proxy_is_not(headers):
    assert "only on the machine" in str(refusal("loopback", headers))


def test_a_token_lets_in_from_anywhere_and_off_nobody():
    ask = {"headers": {"Host": "perps.example.org"}, "token": "s3cret"}

    assert refusal("token", **ask, given="s3cret") is None
    assert "wrong" in str(refusal("token", **ask, given="S3cret"))
    assert "needs" in str(refusal("token", **ask))
    assert "needs" in str(refusal("token", {}, token=None, given=None))
    assert "off" in str(refusal("off", HERE, token="s3cret", given="s3cret"))
