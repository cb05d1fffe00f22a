"""``perpscope serve`` beyond loopback: not before it is said who may ask."""

from __future__ import annotations

import sys

import pytest

from analytics.errors import SettingsError
from collector.commands.serve import refuse_open
from collector.settings import load
from tests.test_command_line import run

HOSTS = ("perps.example.org",)


@pytest.fixture
def secrets(monkeypatch, tmp_path):
    """The file of a user in which Streamlit looks for secrets."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".streamlit" / "secrets.toml"
    file.parent.mkdir()
    return file


def test_on_loopback_nobody_need_be_asked(secrets):
    refuse_open(load())


def test_a_token_suffices(secrets):
    refuse_open(load(allowed_hosts=HOSTS, token="sixteen letters!"))


def test_so_does_a_provider_that_people_sign_in_with(secrets, monkeypatch, tmp_path):
    """Where the library that Streamlit needs for it is installed."""
    settings = load(allowed_hosts=HOSTS)
    with pytest.raises(SettingsError, match="set PERPSCOPE_TOKEN or PERPSCOPE_TOKEN_FILE"):
        refuse_open(settings)
    secrets.write_text('[other]\nkey = "value"\n')
    with pytest.raises(SettingsError, match=r"\[auth\] in ~/.streamlit/secrets.toml"):
        refuse_open(settings)

    secrets.write_text('[auth]\nclient_id = "perpscope"\n')
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(SettingsError, match=r"streamlit\[auth\]"):
        refuse_open(settings)
    monkeypatch.delitem(sys.modules, "authlib")
    (tmp_path / "authlib.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    refuse_open(settings)

    secrets.write_text('[auth]\nclient_secret = "hidden\n')
    with pytest.raises(SettingsError, match="cannot be read as TOML") as refused:
        refuse_open(settings)
    assert "hidden" not in str(refused.value)


def test_the_command_starts_nothing(tmp_path):
    """One sentence, and the exit code of a wrong setting."""
    variables = {"HOME": str(tmp_path), "PERPSCOPE_ALLOWED_HOSTS": "perps.example.org"}

    ended = run("serve", **variables)

    assert ended.returncode == 2
    assert ended.stderr.startswith("perpscope: PERPSCOPE_ALLOWED_HOSTS serves other machines")
    assert ended.stderr.count("\n") == 1
