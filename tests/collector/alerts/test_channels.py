"""Addresses of channels: where they may come from, and that nothing tells them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics.errors import ChannelError, SettingsError
from collector import settings
from collector.alerts import channels, sending
from collector.alerts.channels import scrubbed
from collector.alerts.sending import Message

PHONE = "tgram://123456:token/42"


def written(folder, text, mode=0o600):
    path = folder / channels.FILE
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_channels_are_named_in_the_environment_and_in_a_file(tmp_path, monkeypatch):
    """Whatever the case; what is in the environment comes first."""
    monkeypatch.setenv("PERPSCOPE_CHANNEL_Phone", PHONE)
    monkeypatch.setenv("PERPSCOPE_CHANNEL_EMPTY", "")
    written(tmp_path, 'desk = "json://host/x"\nPHONE = "json://other"\n')

    found = channels.read(tmp_path, settings.channel_addresses())

    assert found.address("PHONE").get_secret_value() == PHONE
    assert found.address("desk").get_secret_value() == "json://host/x"
    assert set(found.addresses) == {"phone", "desk"}
    assert found.faults == ("channels.toml: phone: set before; the first address is used",)


def test_the_variables_are_no_unknown_settings(monkeypatch):
    monkeypatch.setenv("PERPSCOPE_CHANNEL_PHONE", PHONE)
    assert settings.load()

    monkeypatch.setenv("PERPSCOPE_CHANEL_DESK", PHONE)
    with pytest.raises(SettingsError, match="PERPSCOPE_CHANEL_DESK is not a setting") as refused:
        settings.load()
    assert "token" not in str(refused.value)


def test_a_line_in_env_counts_if_nobody_else_can_read_it():
    """As for the file in the data folder; the command to run is said."""
    env = Path(".env")
    env.write_text(f"PERPSCOPE_CHANNEL_PHONE={PHONE}\n")
    env.chmod(0o600)
    assert settings.channel_addresses()["phone"].get_secret_value() == PHONE

    env.chmod(0o640)
    with pytest.raises(SettingsError, match=r"mode 0640\); run: chmod 600 .env"):
        settings.channel_addresses()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        pytest.param(f'desk = "{PHONE}"', 0o644, "mode 0644.*run: chmod 600 ", id="open"),
        pytest.param(f'desk = "{PHONE}"', 0o640, "mode 0640", id="open to the group"),
        pytest.param(
            f'a = "{PHONE}', 0o600, "end of document: this is not TOML", id="half written"
        ),
        pytest.param(f'{PHONE} = "desk"', 0o600, "not TOML", id="wrong way round"),
        pytest.param(f'"{PHONE}" = "desk"', 0o600, "a name has letters", id="so in quotes"),
        pytest.param('desk = ["token"]', 0o600, 'write it as desk = "address"', id="a list"),
        pytest.param(b"\xfftoken", 0o600, "not UTF-8", id="bytes"),
        pytest.param("#" * 100_001, 0o600, "larger than 100,000", id="too large"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence_and_takes_no_other_channel(
    tmp_path, text, mode, said
):
    """And no word of an address is in it."""
    written(tmp_path, text, mode)

    found = channels.read(tmp_path, {"phone": SecretStr(PHONE)})

    (fault,) = found.faults
    assert re.search(said, fault)
    assert "token" not in fault
    assert found.address("phone").get_secret_value() == PHONE
    with pytest.raises(SettingsError, match="no channel is called 'desk'") as missing:
        found.address("desk")
    assert fault in str(missing.value)


def test_a_folder_or_a_pipe_of_that_name_is_no_file(tmp_path):
    """A pipe would be waited for."""
    (tmp_path / "a" / channels.FILE).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / channels.FILE)

    for name in ("a", "b"):
        assert "this is not a file" in channels.read(tmp_path / name, {}).faults[0]


def test_an_address_is_not_shown_by_what_holds_it():
    found = channels.Channels({"phone": SecretStr(PHONE)})

    assert "token" not in repr(found) + str(found.address("phone"))


@pytest.mark.parametrize(
    "text",
    [
        "failed at https://api.telegram.org/bot123456:token/sendMessage",
        "path /token/ of user me",
        "password p@ss/w:rd or p%40ss%2Fw%3Ard or P@SS/W:RD",
        "Authorization: Basic bWU6cEBzcy93OnJk",
        r'{"password": "p@ss\/w:rd", "key": "a&amp;b"}',
    ],
)
def test_an_error_says_nothing_of_the_address(text):
    """However the service writes it."""
    address = SecretStr("json://me:p%40ss%2Fw%3Ard@host.example:8080/token?key=a%26b")

    said = scrubbed(text, address)

    for secret in ("token", "p@ss", "P@SS", "p%40ss", "bWU6", "host.example", "a&amp;b"):
        assert secret not in said


def test_an_error_is_short_and_acts_on_no_terminal():
    said = scrubbed("refused\x1b[2J\n\n" + "x" * 1000, SecretStr("json://host"))

    assert said.startswith(r"refused\u001b[2J x")
    assert len(said) == channels.LONGEST_ERROR


async def test_a_message_arrives_over_http_and_by_mail(sink, post):
    http = await sending.send(SecretStr(sink.address), Message("Two alerts", "BTC\nETH"))
    mail = await sending.send(SecretStr(post.address), Message("Two alerts", "BTC\nETH"))

    (message,) = sink.messages
    assert (http.title, message["title"], message["message"]) == ("JSON", "Two alerts", "BTC\nETH")
    (envelope,) = post.mails
    assert mail.title == "E-Mail"
    assert b"Subject: Two alerts" in envelope.content
    assert b"BTC" in envelope.content


async def test_a_service_that_repeats_the_address_in_its_answer_does_not_tell_it(sink, post):
    """A webhook echoes the request with its password, a mail server the recipients."""
    sink.mode, post.refuses = "refuses", True

    with pytest.raises(ChannelError, match="error=500") as http:
        await sending.send(SecretStr(sink.address), Message("t", "b"))
    with pytest.raises(ChannelError, match="554") as mail:
        await sending.send(SecretStr(post.address), Message("t", "b"))

    said = f"{http.value} {http.value.__cause__} {mail.value} {mail.value.__cause__}"
    assert "cannot take" in said
    for secret in sink.secrets:
        assert secret not in said


async def test_what_hangs_is_ended(sink, monkeypatch):
    """By killing it: no thread of a library keeps waiting."""
    sink.mode = "hangs"
    monkeypatch.setattr(sending, "TIMEOUT_S", 3.0)

    with pytest.raises(ChannelError, match="no answer within 3 s"):
        await sending.send(SecretStr(sink.address), Message("t", "b"))


async def test_each_address_is_described_and_one_that_does_not_parse_says_why(sink):
    """No word of it: what does not parse may be a token alone."""
    wrong = ("hunter2-token", "foo://hunter2-token", "tgram://hunter2-token")
    described = await sending.describe(
        [SecretStr(sink.address), *map(SecretStr, wrong), SecretStr(PHONE_OK)]
    )

    http, *refused, telegram = described
    assert (http.title, http.body_maxlen) == ("JSON", 32768)
    assert (telegram.title, telegram.title_maxlen, telegram.body_maxlen) == ("Telegram", 0, 4096)
    assert [str(error) for error in refused] == [
        *["its address begins with no service that apprise knows, such as tgram:// or mailtos://"]
        * 2,
        "its address is incomplete or wrong for tgram://",
    ]


PHONE_OK = "tgram://123456789:abcdefg_hijklmnop/12315544/"
