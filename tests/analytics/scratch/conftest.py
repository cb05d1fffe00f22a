"""Files of strangers, written for a test, read and built."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.lake.reader import Reader
from analytics.scratch import building, inspect_files, questions


@pytest.fixture
def preview(tmp_path):
    """Read files as Studio does."""

    def preview(*files):
        return inspect_files.read(files, tmp_path / "work")

    return preview


@pytest.fixture
def built(tmp_path):
    """Build a record of a preview with answers; return what became of it and how to ask it."""

    def built(preview, answers, mapping=None):
        mapping = mapping or questions.suggested(preview)
        for question, value in answers.items():
            mapping = mapping.answer(question, value)
        assert questions.unanswered(preview, mapping) == ()
        said = []
        folder = tmp_path / "lake"
        outcome = building.build(preview, mapping, folder, said.append)
        assert said[-1].is_ready
        assert said[-1].done == said[-1].total
        reader = Reader(folder)

        def rows(statement):
            with reader.cursor() as cursor:
                return cursor.execute(statement).to_arrow_table().to_pylist()

        return outcome, rows

    return built


@pytest.fixture(scope="session")
def real():
    """Recorded series, which are not part of the repository."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "real" / "series"
    if not folder.is_dir():
        pytest.skip("the recorded series are not at hand")
    return folder
