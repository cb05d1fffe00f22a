"""Settings: a wrong one is refused at the start, by name, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.errors import SettingsError
from collector.settings import load


def test_defaults_are_what_the_readme_promises():
    """A new user sets nothing."""
    settings = load()

    assert settings.venues == ("binance", "bybit", "okx")
    assert (settings.top_n, settings.interval_s, settings.port) == (20, 30, 8501)
    assert settings.data_dir == Path("data")


def test_reads_the_environment_and_a_env_file(monkeypatch):
    """The environment wins over .env."""
    Path(".env").write_text("PERPSCOPE_TOP_N=50\nPERPSCOPE_PORT=9000\n", "utf-8")
    monkeypatch.setenv("PERPSCOPE_PORT", "9001")
    monkeypatch.setenv("PERPSCOPE_VENUES", "okx, bybit")

    settings = load()

    assert (settings.top_n, settings.port, settings.venues) == (50, 9001, ("okx", "bybit"))


def test_the_command_line_wins():
    """A --port says more than any file."""
    assert load(port=9002, venues=None).port == 9002


def test_no_password_goes_into_an_address_nor_into_the_refusal(monkeypatch):
    """The address of the archive is logged and shown."""
    monkeypatch.setenv("PERPSCOPE_ARCHIVE_URL", "https://me:se/cret@example.org/data")

    with pytest.raises(SettingsError) as refused:
        load()

    assert "PERPSCOPE_ARCHIVE_URL" in str(refused.value)
    assert "example.org" in str(refused.value)
    assert "cret" not in str(refused.value)


def test_an_edit_token_is_shown_nowhere(monkeypatch):
    """Neither when it is refused, nor by whoever writes the settings out."""
    monkeypatch.setenv("PERPSCOPE_EDIT_TOKEN", "too short")
    with pytest.raises(SettingsError, match="16 characters or more") as refused:
        load()
    assert "too short" not in str(refused.value)

    monkeypatch.setenv("PERPSCOPE_EDIT_TOKEN", "of more than 16 characters")
    assert "characters" not in str(load(edit_rules="token").model_dump())


def test_a_token_may_stand_in_a_file_for_its_owner_alone(monkeypatch, tmp_path):
    file = tmp_path / "token"
    file.write_text("sixteen letters!\n")
    file.chmod(0o600)
    monkeypatch.setenv("PERPSCOPE_TOKEN_FILE", str(file))
    assert load().token.get_secret_value() == "sixteen letters!"

    file.chmod(0o640)
    with pytest.raises(SettingsError, match=rf"_FILE=.*mode 0640.*chmod 600 {file}"):
        load()

    file.chmod(0o600)
    monkeypatch.setenv("PERPSCOPE_TOKEN", "another one, as long")
    with pytest.raises(SettingsError, match="set one of them") as refused:
        load()
    assert "another" not in str(refused.value)

    monkeypatch.delenv("PERPSCOPE_TOKEN")
    file.write_text("short\n")
    with pytest.raises(SettingsError, match="16 characters or more"):
        load()

    file.unlink()
    with pytest.raises(SettingsError, match="it cannot be read"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PERPSCOPE_TOP_N", "0", "greater than or equal to 1"),
        ("PERPSCOPE_TOP_N", "many", "integer"),
        ("PERPSCOPE_INTERVAL_S", "1", "greater than or equal to 5"),
        ("PERPSCOPE_INTERVAL_S", "nan", "must be less than"),
        ("PERPSCOPE_VENUES", "binance,mtgox", "binance, bybit, okx"),
        ("PERPSCOPE_VENUES", "", "binance, bybit, okx"),
        ("PERPSCOPE_VENUES", "okx,okx", "listed twice"),
        ("PERPSCOPE_DATA_DIR", "", "path of a folder"),
        ("PERPSCOPE_SNAPSHOT_DAYS", "0", "greater than or equal to 1"),
        ("PERPSCOPE_LOG_LEVEL", "CHATTY", "'DEBUG', 'INFO'"),
        ("PERPSCOPE_PORT", "70000", "65535"),
        ("PERPSCOPE_ALLOWED_HOSTS", "*", "without a port"),
        ("PERPSCOPE_ALLOWED_HOSTS", "a.example.org,b.example.org:80", "without a port"),
        ("PERPSCOPE_SIMULATOR", "http://example.org:80", "127"),
        ("PERPSCOPE_EDIT_RULES", "everybody", "'loopback', 'token' or 'off'"),
        ("PERPSCOPE_EDIT_RULES", "token", "set PERPSCOPE_EDIT_TOKEN, too"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    monkeypatch, name, value, allowed
):
    """The operator can mend it without reading code."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=allowed) as refused:
        load()

    assert name in str(refused.value)
    assert value.split(",")[-1] in str(refused.value)


def test_all_wrong_values_are_named_at_once(monkeypatch):
    """Nobody should have to start the program five times."""
    monkeypatch.setenv("PERPSCOPE_PORT", "x")
    monkeypatch.setenv("PERPSCOPE_TOP_N", "y")

    with pytest.raises(SettingsError, match=r"(?s)PERPSCOPE_TOP_N.*PERPSCOPE_PORT"):
        load()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_misspelt_name_is_refused_with_the_nearest_one(monkeypatch, where):
    """A typo must not silently leave a default in place."""
    if where == "file":
        Path(".env").write_text("PERPSCOPE_TOPN=5\n", "utf-8")
    else:
        monkeypatch.setenv("PERPSCOPE_TOPN", "5")

    with pytest.raises(SettingsError, match="did you mean PERPSCOPE_TOP_N"):
        load()


def test_a_venue_that_the_simulator_does_not_serve_is_refused_at_the_start(monkeypatch):
    """Not by a traceback from the middle of the program."""
    monkeypatch.setenv("PERPSCOPE_VENUES", "okx,hyperliquid")
    monkeypatch.setenv("PERPSCOPE_SIMULATOR", "http://127.0.0.1:8700")

    with pytest.raises(SettingsError, match="does not serve hyperliquid"):
        load()
