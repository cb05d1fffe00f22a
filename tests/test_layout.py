"""The tree stays readable: small folders, file names that say which, no circles between folders."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
VENUES = {"binance", "bybit", "okx", "hyperliquid"}
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


def folders(package):
    """Return which folders of *package* each folder imports from."""
    files = modules(package)
    found = {}
    for file in files.values():
        used = {files[name].parent for name in imports(file) if name in files}
        found.setdefault(file.parent, set()).update(used - {file.parent})
    return found


@pytest.mark.parametrize("package", ["analytics", "collector", "dashboard", "simulator"])
def test_no_folder_holds_too_many_modules(package):
    counted = Counter(file.parent for file in modules(package).values())

    assert {folder: n for folder, n in counted.items() if n > MAX_MODULES} == {}


@pytest.mark.parametrize("package", ["collector", "simulator"])
def test_a_file_name_is_used_once(package):
    """Venues' names aside: a name that stands twice does not say which file is meant."""
    counted = Counter(file.stem for file in modules(package).values())

    assert {name for name, n in counted.items() if n > 1} - VENUES - {"__init__"} == set()


@pytest.mark.parametrize("package", ["collector", "simulator"])
def test_folders_import_in_one_direction(package):
    try:
        TopologicalSorter(folders(package)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(str(folder.relative_to(REPOSITORY)) for folder in error.args[1]))
