"""Building a scratch lake of what was read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analytics.scratch.preview import Built, Mapping, Preview, Progress


def build(
    preview: Preview, mapping: Mapping, folder: Path, progress: Callable[[Progress], None]
) -> Built:
    """Build a lake in *folder*, in a process of its own; its clock stands at the data's end.

    The newest stretch is published first, so that a page can be drawn before all is stored.

    Args:
        preview: As ``reading.read`` gave it; its work folder is still there.
        mapping: With an answer to every question.
        folder: Empty, or not there yet; the lake is of origin ``studio``.
        progress: Called all the time; what it raises ends the build. The first call with
            ``is_ready`` says that pages can be drawn.

    Raises:
        ImportRefused: A question is open, or nothing can be built of the files. The folder holds
            no lake that can be used then.
    """
    raise NotImplementedError
