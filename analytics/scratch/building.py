"""Building a scratch lake of what was read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from analytics.errors import ImportRefused
from analytics.files.child_process import Answer, ChildProcess
from analytics.scratch.limits import BUILD_S
from analytics.scratch.preview import Built, Mapping, Preview, Progress
from analytics.scratch.questions import unanswered
from analytics.scratch.reading import CHILD


def build(
    preview: Preview, mapping: Mapping, folder: Path, progress: Callable[[Progress], None]
) -> Built:
    """Build a lake in *folder*, in a process of its own; its clock stands at the data's end.

    The newest stretch is published first, so that a page can be drawn before all is stored.

    Args:
        preview: As ``reading.read`` gave it; its work folder is still there.
        mapping: With an answer to every question.
        folder: Empty, or not there yet; the lake is of origin ``live``.
        progress: Called all the time; what it raises ends the build. The first call with
            ``is_ready`` says that pages can be drawn.

    Raises:
        ImportRefused: A question is open, or nothing can be built of the files. The folder holds
            no lake that can be used then.
    """
    if not preview.files:
        raise ImportRefused(folder, "none of the files can be used")
    name = Path(preview.files[0].name)
    if open_ := unanswered(preview, mapping):
        raise ImportRefused(name, f"an answer is missing: {open_[0].text}")
    for file in preview.files:
        if not file.is_bundle and "time" not in _quantities(mapping, file.key):
            raise ImportRefused(Path(file.name), "no column is taken for the time")
    newest = Progress(done=0, total=1, is_ready=False)

    def heard(said: Answer) -> None:
        nonlocal newest
        newest = msgspec.convert(said, Progress)
        progress(newest)

    child = ChildProcess(CHILD, lambda: progress(newest), max_s=BUILD_S)
    asked = {
        "doing": "build",
        "preview": msgspec.to_builtins(preview),
        "mapping": msgspec.to_builtins(mapping),
        "folder": str(folder),
    }
    try:
        answer = child.ask(name, asked, heard)
    finally:
        child.close()
    return msgspec.convert(answer["built"], Built)


def _quantities(mapping: Mapping, key: str) -> set[str | None]:
    return {meaning.quantity for meaning in mapping.meanings[key].values()}
