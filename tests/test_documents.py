"""What the documents name is there: files, folders and targets of make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md")

FOLDERS = "analytics|collector|dashboard|simulator|benchmarks|docs|tests"

NOT_IN_GIT = {"collector/venues/NAME.py", "benchmarks/out/"}
"""A file that the reader is to write, and a folder that a script makes."""


def text(document):
    return (ROOT / document).read_text("utf-8")


def behaviours():
    """Behaviour and paths of each row; a bare file name is in the folder of the path before it."""
    table = text("CONTRIBUTING.md").partition("## Where is what")[2].partition("\n## ")[0]
    for behaviour, cell in re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)[1:]:
        paths = []
        for named in re.findall(r"`([\w./]+)`", cell):
            paths.append(ROOT / named if "/" in named else paths[-1].with_name(named))
        yield behaviour, paths


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_a_document_exists(document):
    """A stranger who follows the documents never ends at a missing file."""
    named = set(re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*[\w/]", text(document)))

    missing = sorted(path for path in named - NOT_IN_GIT if not (ROOT / path).exists())

    assert missing == []


def test_each_behaviour_is_in_files_that_exist():
    """The table of behaviours stays short enough to be read, and right."""
    rows = dict(behaviours())

    assert 20 <= len(rows) <= 40
    assert max(map(len, rows.values())) <= 7
    assert [behaviour for behaviour, paths in rows.items() if not paths] == []
    assert [path for paths in rows.values() for path in paths if not path.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_exists(document):
    """A command that a document shows can be run."""
    targets = set(re.findall(r"^([\w-]+):", text("Makefile"), re.MULTILINE))

    named = set(re.findall(r"(?:^ +|`)make ([\w-]+)", text(document), re.MULTILINE))

    assert named <= targets
