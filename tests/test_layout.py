"""The tree stays readable: small folders, file names that say which, no circles between folders."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("analytics", "collector", "dashboard", "simulator")
VENUES = {"binance", "bybit", "okx", "hyperliquid"}
MAX_REPEATED = 2
"""File names of one package that may stand twice, as the engines of rules and of trades."""
MAX_MODULES = 24
"""Modules in one folder, `__init__` included."""


def modules(package):
    """Return the files of *package* by dotted name."""
    return {
        ".".join(file.relative_to(REPOSITORY).with_suffix("").parts): file
        for file in (REPOSITORY / package).rglob("*.py")
    }


def imports(file):
    """Yield the dotted names that *file* imports, those of a ``from`` with the package's."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(package):
    """Return from which each folder of *package* imports; a file at its top stands for itself."""
    files = modules(package)
    root = REPOSITORY / package
    room_of = {name: file if file.parent == root else file.parent for name, file in files.items()}
    found = {}
    for name, file in files.items():
        used = {room_of[other] for other in imports(file) if other in files}
        found.setdefault(room_of[name], set()).update(used - {room_of[name]})
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_holds_too_many_modules(package):
    counted = Counter(file.parent for file in modules(package).values())

    assert {folder: n for folder, n in counted.items() if n > MAX_MODULES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_name_is_used_once(package):
    """Venues' names aside: a name that stands twice does not say which file is meant."""
    names = (file.stem for file in modules(package).values())
    counted = Counter(name for name in names if name not in VENUES | {"__init__"})
    repeated = {name: n for name, n in counted.items() if n > 1}

    assert len(repeated) <= MAX_REPEATED, repeated
    assert set(repeated.values()) <= {2}, repeated


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_import_in_one_direction(package):
    try:
        TopologicalSorter(rooms(package)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(str(folder.relative_to(REPOSITORY)) for folder in error.args[1]))
