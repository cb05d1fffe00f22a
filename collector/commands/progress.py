"""How far a command's work has come: progress bars on stderr, sentences above them."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressScreen:
    """Progress bars while it is entered; they are gone afterwards, what was said stays."""

    def __init__(self, err: Console) -> None:
        self._err = err
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self.error: str | None = None
        """Why the work could not be done, where it could not."""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _say(self, sentence: str) -> None:
        """Print *sentence* as it is: names in it are no markup and no emoji."""
        self._err.print(sentence, markup=False, emoji=False, highlight=False, soft_wrap=True)
