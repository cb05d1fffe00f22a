"""``alerts.toml``: a user's rules, read whole or refused with every fault and its line."""

from __future__ import annotations

import difflib
import hashlib
import re
import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from analytics import formats
from analytics.errors import RuleError
from analytics.rules.episode import Waits
from analytics.rules.expression import ColumnKind, Expression, parse
from analytics.untrusted.visible import visible

Per = Literal["pair", "asset", "market", "venue"]
"""What a rule is about: each instrument, each base over all venues, the market as a whole, or the
data of each venue."""
Severity = Literal["info", "warning", "critical"]

MAX_RULES: Final = 200
LARGEST: Final = 1_000_000
"""[bytes]"""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SCOPES: Final[Mapping[Per, tuple[str, ...]]] = {
    "pair": ("venues", "pairs", "bases", "top"),
    "asset": ("bases", "top"),
    "market": (),
    "venue": ("venues",),
}
"""What may narrow a rule, by what it is about."""
_SUBJECT_FIELDS: Final = frozenset(("subject", "rule", "severity", "time"))
"""What a message may name beside the values that the rule reads."""
_DIGITS: Final = re.compile(r"[+ -]?,?(\.\d)?[efg]?")
"""How a message may write a number otherwise than the pages do."""

_Columns = Mapping[Per, Mapping[str, ColumnKind]]


def span(text: object) -> timedelta:
    """Return ``90s``, ``5m``, ``4h`` or ``7d`` as a time span.

    Raises:
        ValueError: It is written otherwise.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a time span like 90s, 5m, 4h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


_Span = Annotated[timedelta, BeforeValidator(span)]
_Names = tuple[Annotated[str, Field(min_length=1, max_length=100)], ...]


class Scope(BaseModel):
    """Which subjects a rule looks at; an empty list names all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    venues: _Names = ()
    pairs: _Names = ()
    bases: _Names = ()
    top: int | None = Field(default=None, ge=1, le=10_000)
    """Only so many, those with the most volume in 24 h."""


class _Table(Scope):
    """One ``[[rule]]`` as it stands in the file."""

    name: str = Field(min_length=1, max_length=80, pattern=r"^[\w .%/+-]+$")
    when: str
    clear: str | None = None
    timeframe: Literal["5m", "15m", "30m", "1h", "4h", "1d"] = "5m"
    per: Per = "pair"
    hold: _Span = Field(default=timedelta(), alias="for")
    keep_firing_for: _Span = timedelta()
    cool_down: _Span = timedelta()
    severity: Severity = "warning"
    group: str | None = Field(default=None, min_length=1, max_length=80)
    message: str | None = Field(default=None, min_length=1, max_length=500)
    channels: _Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that was checked."""

    name: str
    version: str
    """Changes with anything that decides when it fires."""
    when: Expression
    clear: Expression | None
    """None: the rule is over as soon as ``when`` is false."""
    timeframe: str
    per: Per
    scope: Scope
    waits: Waits
    severity: Severity
    group: str
    """Rules of one group are told together; a rule's own name where none is given."""
    message: str | None
    channels: tuple[str, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The columns that its conditions name."""
        return self.when.columns | (self.clear.columns if self.clear else frozenset())


def builtin() -> bytes:
    """Return the ``alerts.toml`` that a data folder begins with."""
    return (files("analytics") / "rules" / "alerts.toml").read_bytes()


def named(rules: Sequence[Rule], name: str) -> Rule:
    """Return the rule called *name*.

    Raises:
        RuleError: There is none.
    """
    by_name = {rule.name: rule for rule in rules}
    if name not in by_name:
        near = difflib.get_close_matches(name, by_name, 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(by_name) or 'none'}"
        raise RuleError(f"no rule is called {formats.repeated(name)!r}; {hint}")
    return by_name[name]


def read_written(content: bytes, columns: _Columns) -> tuple[Rule, ...]:
    """Return the rules of a file as :func:`read_rules`; one that is empty is half written.

    An editor empties a file before it writes it: that must not end every alert that fires.
    """
    if not content.strip():
        raise RuleError("it is empty; for no rules at all, write a comment into it")
    return read_rules(content, columns)


def read_rules(content: bytes, columns: _Columns) -> tuple[Rule, ...]:
    """Return the rules of an ``alerts.toml``.

    Args:
        content: The file's bytes.
        columns: What a rule may name, by what it is about.

    Raises:
        RuleError: Something is wrong; every fault is named with its line.
    """
    text = _text(content)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"this is not TOML: {error}") from error
    lines = _Lines(text)
    faults = [
        f"{key!r} is not known; a file holds [[rule]] tables" for key in document.keys() - {"rule"}
    ]
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RuleError("write each rule as a [[rule]] table")
    if len(tables) > MAX_RULES:
        raise RuleError(f"{len(tables)} rules; at most {MAX_RULES} are allowed")
    rules: list[Rule] = []
    for number, table in enumerate(tables):
        try:
            rules.append(_rule(table, columns))
        except _Faults as found:
            faults += [f"line {lines.of(number, key)}: {reason}" for key, reason in found.by_key]
    faults += [
        f"line {lines.of(number, 'name')}: two rules are called {name!r}; give each its own name"
        for number, name in _repeated(table.get("name") for table in tables)
    ]
    if faults:
        raise RuleError(visible("; ".join(faults)))
    return tuple(rules)


class _Faults(Exception):
    """What is wrong with one rule: key and reason of each fault."""

    def __init__(self, by_key: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.by_key = list(by_key)


class _Lines:
    """Where the keys of each rule stand in the file."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._heads = [n for n, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*rule", line)]

    def of(self, number: int, key: str) -> int:
        """Return the line of *key* in rule *number*, or of the rule's head; counted from 1."""
        if number >= len(self._heads):
            return 1
        head = self._heads[number]
        ends = [*self._heads[number + 1 :], len(self._lines)]
        for n in range(head, ends[0]):
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", self._lines[n]):
                return n + 1
        return head + 1


def _text(content: bytes) -> str:
    if len(content) > LARGEST:
        raise RuleError(f"{len(content):,} bytes; at most {LARGEST:,} are allowed")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RuleError(f"byte {error.start + 1} is not UTF-8 text") from error


def _rule(table: Mapping[str, Any], columns: _Columns) -> Rule:
    try:
        read = _Table.model_validate(_as_tuples(table))
    except ValidationError as error:
        raise _Faults(_reasons(error)) from error
    faults, parsed = [*_scope_faults(read)], dict[str, Expression]()
    for key in ("when", "clear"):
        if (text := getattr(read, key)) is not None:
            try:
                parsed[key] = parse(text, columns[read.per])
            except RuleError as error:
                faults.append((key, f"{key}: {error}"))
    if read.message is not None and "when" in parsed:
        faults += [("message", reason) for reason in _message_faults(read.message, parsed["when"])]
    if faults:
        raise _Faults(faults)
    waits = Waits(hold=read.hold, keep=read.keep_firing_for, cool_down=read.cool_down)
    clear = parsed.get("clear")
    return Rule(
        name=read.name,
        version=_version(read, parsed),
        when=parsed["when"],
        clear=clear,
        timeframe=read.timeframe,
        per=read.per,
        scope=Scope(venues=read.venues, pairs=read.pairs, bases=read.bases, top=read.top),
        waits=waits,
        severity=read.severity,
        group=read.group or read.name,
        message=read.message,
        channels=read.channels,
    )


def _scope_faults(read: _Table) -> Iterator[tuple[str, str]]:
    for key in SCOPES["pair"]:
        if getattr(read, key) and key not in SCOPES[read.per]:
            allowed = " and ".join(SCOPES[read.per]) or "nothing"
            yield key, f"{key}: a rule per {read.per} is narrowed by {allowed}"


def _as_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML's lists become tuples, which a frozen model keeps."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _reasons(error: ValidationError) -> Iterator[tuple[str, str]]:
    known = [field.alias or name for name, field in _Table.model_fields.items()]
    for fault in error.errors():
        key = str(fault["loc"][0])
        match fault["type"]:
            case "extra_forbidden":
                yield key, f"{key!r} is not known; a rule has {', '.join(known)}"
            case "missing":
                yield key, f"{key} is missing"
            case "string_pattern_mismatch":
                allowed = "letters, digits, spaces and . % / + - _ are allowed"
                yield key, f"{key}: {allowed}, not {fault['input']!r:.60}"
            case _:
                reason = fault["msg"].removeprefix("Value error, ").replace("Input should", "must")
                reason = reason.replace("String should", "must")
                reason = reason.replace("a valid tuple", "a list").replace(
                    "a valid string", "a text"
                )
                yield key, f"{key}: {reason}, not {fault['input']!r:.60}"


def _message_faults(message: str, when: Expression) -> Iterator[str]:
    """A template names plain fields: no attribute, no index, no conversion."""
    allowed = _SUBJECT_FIELDS | when.columns
    try:
        parts = [part for part in string.Formatter().parse(message) if part[1] is not None]
    except ValueError as error:
        yield f"message: {error}; write a brace that is no field twice"
        return
    for _, field, spec, conversion in parts:
        if field not in allowed:
            yield f"message: no field is called {field!r}; allowed are {', '.join(sorted(allowed))}"
        elif conversion or (spec and (field in _SUBJECT_FIELDS or not _DIGITS.fullmatch(spec))):
            yield f"message: write {{{field}}}, or a number with its digits as in {{z_oi:+.1f}}"


def _version(read: _Table, parsed: Mapping[str, Expression]) -> str:
    decides = read.model_dump(
        exclude={"name", "severity", "group", "message", "channels", "when", "clear"}, mode="json"
    )
    decides |= {key: expression.sql for key, expression in parsed.items()}
    return hashlib.sha256(repr(sorted(decides.items())).encode()).hexdigest()[:12]


def _repeated(names: Iterable[object]) -> Iterator[tuple[int, object]]:
    seen: set[object] = set()
    for number, name in enumerate(names):
        if isinstance(name, str):
            if name in seen:
                yield number, name
            seen.add(name)
