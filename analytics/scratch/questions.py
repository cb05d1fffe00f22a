"""What a preview suggests, and what it leaves open."""

from __future__ import annotations

from analytics.scratch.preview import Mapping, Preview, Question


def suggested(preview: Preview) -> Mapping:
    """Return every column taken for what it seems to be, and no answers."""
    return Mapping(
        {
            file.key: {column.name: column.guess.meaning for column in file.columns}
            for file in preview.files
        }
    )


def unanswered(preview: Preview, mapping: Mapping) -> tuple[Question, ...]:
    """Return what *mapping* leaves open: a lake is built once that is nothing."""
    raise NotImplementedError
