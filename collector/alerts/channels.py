"""Channels: names for the addresses that alerts are sent to.

An address is an apprise URL, with tokens and passwords in it. It comes from the environment, or
from a file that only its owner can read. Everything else knows a channel by its name alone: logs,
errors, the lake, pages, /healthz and /metrics.
"""

from __future__ import annotations

import base64
import html
import json
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from pydantic import SecretStr

from analytics.errors import SettingsError
from analytics.untrusted.visible import visible
from collector.settings import CHANNEL

FILE: Final = "channels.toml"
"""In the data folder; each line is ``name = "address"``."""

LARGEST: Final = 100_000
"""[bytes]"""

LONGEST_ERROR: Final = 300
"""[characters]"""

_NAME: Final = re.compile(r"[a-z0-9_]{1,40}")
_HIDDEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that are set up."""

    addresses: Mapping[str, SecretStr]
    """By name, in lower case."""
    faults: tuple[str, ...] = ()
    """A sentence on each that is not, without its address."""

    def address(self, name: str) -> SecretStr:
        """Return the address of the channel *name*, whatever its case.

        Raises:
            SettingsError: There is none.
        """
        found = self.addresses.get(name.lower())
        if found is None:
            named = visible(name)[:40]
            known = ", ".join(sorted(self.addresses)) or "none"
            raise SettingsError(
                "; ".join(
                    (
                        f"no channel is called {named!r} (set up: {known})",
                        *self.faults,
                        f"set {CHANNEL}{named.upper()} or write it into {FILE}",
                    )
                )
            )
        return found


def read(folder: Path, given: Mapping[str, SecretStr]) -> Channels:
    """Return the channels that the environment has *given*, and those of the file in *folder*.

    Whatever is wrong with the file is a fault; the other channels are there.
    """
    try:
        table = _table(folder / FILE)
    except SettingsError as error:
        return Channels(given, (str(error),))
    addresses, faults = dict(given), []
    for name, address in table.items():
        lower = name.lower()
        # A name that is none may be an address on the wrong side, so it is not shown.
        if not _NAME.fullmatch(lower):
            faults.append(f"{FILE}: a name has letters, digits and _ only, up to 40")
        elif not isinstance(address, str):
            faults.append(f'{FILE}: {lower}: write it as {lower} = "address"')
        elif lower in addresses:
            faults.append(f"{FILE}: {lower}: set before; the first address is used")
        else:
            addresses[lower] = SecretStr(address)
    return Channels(addresses, tuple(faults))


def _table(path: Path) -> dict[str, object]:
    try:
        if not path.exists():
            return {}
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SettingsError(f"{path}: this is not a file")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise SettingsError(
                f"{path}: others may read it (mode {mode:04o}), so it is not used; "
                f"run: chmod 600 {path}"
            )
        if found.st_size > LARGEST:
            raise SettingsError(f"{path}: larger than {LARGEST:,} bytes")
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: this is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        # Its words may quote the file; the place is enough.
        place = re.search(r"\(at (.*)\)$", str(error))
        where = f", {place[1]}" if place else ""
        raise SettingsError(
            f'{path}{where}: this is not TOML; write each channel as name = "address"'
        ) from None


def scrubbed(text: str, address: SecretStr) -> str:
    """Return *text*, what a service or a library said, without anything of *address*.

    Other addresses are taken out, too, and what acts without being seen is written out.
    """
    text = re.sub(r"\w+://\S+", _HIDDEN, text)
    for secret in sorted(_secrets(address.get_secret_value()), key=len, reverse=True):
        text = re.sub(re.escape(secret), _HIDDEN, text, flags=re.IGNORECASE)
    return visible(" ".join(text.split()))[:LONGEST_ERROR]


def _secrets(address: str) -> set[str]:
    """Return the parts of *address*, each as it may be written elsewhere."""
    _, _, rest = address.partition("://")
    parts = set(re.split(r"[/:@?&=#,;]", rest))
    user, at, _ = rest.partition("?")[0].rpartition("@")
    if at:
        parts |= {user, *_encoded(unquote(user))}
    long = {part for part in parts if len(part) >= 3}
    # A password may be short.
    password = {user.partition(":")[2]} - {""}
    return {form for part in long | password for form in _forms(part)}


def _forms(part: str) -> Iterator[str]:
    for text in (part, unquote(part)):
        in_json = json.dumps(text)[1:-1]
        yield from (text, quote(text, safe=""), html.escape(text))
        yield from (in_json, in_json.replace("/", r"\/"))


def _encoded(user: str) -> Iterator[str]:
    """User and password as HTTP and SMTP send them."""
    name, _, password = user.partition(":")
    for text in (user, name, password, f"\0{name}\0{password}"):
        yield base64.b64encode(text.encode()).decode()
