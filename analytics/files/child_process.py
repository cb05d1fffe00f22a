"""A process of its own for what a stranger's file makes its reader do, from both ends.

What that is, is up to whoever wrote the file. So the reader is another process, which may need
only so much memory and time: it cannot take its caller's, and it is ended where it goes on too
long or nobody waits for it any more. A line of JSON goes in for each question. Lines come out
until one that does not say ``progress``, which is the answer.
"""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from analytics.errors import ImportRefused
from analytics.untrusted.process_limits import limit_cpu, limit_process

MEMORY_MB = 500
"""What reading a file may need above what the reader needs idle. [MB]"""

MAX_S = 300
"""How long reading a file may take. [s of the processor, and of the wall]"""

_LEAN = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "OMP_NUM_THREADS": "1",
}
"""Has memory that was let go of go back at once: what is kept for later would count as used."""

_LOOK_S = 0.2
"""How often it is checked whether the caller still waits. [wall s]"""

_TOO_MUCH = f"reading it needs more than {MEMORY_MB} MB; split it"

_FILE_SIZE = 4 * 2**30
"""The most that is written of a file. [bytes]"""

Answer = dict[str, Any]
Tell = Callable[[Answer], None]
"""Says how far the work is."""


def _unheard(_: Answer) -> None:
    """Let what is told go by."""


@dataclass(slots=True)
class ChildProcess:
    """The end of whoever asks. It is started at the first question, and anew after it ended."""

    module: str
    """What runs there: calls `serve`."""
    alive: Callable[[], None]
    """Called all the time while an answer is waited for; what it raises ends the process."""
    max_s: float = MAX_S
    """[wall s]"""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    said: bytes = field(default=b"", init=False)
    """What it said and nobody has taken up yet."""

    def ask(self, file: Path, asked: Answer, heard: Tell = _unheard) -> Answer:
        """Return the answer to what is *asked* about *file*.

        Raises:
            ImportRefused: It is not what it claims to be, or needs too much to be read.
        """
        if self.process is None:
            self.process = self._started()
        answer = self._answer(file, self.process, json.dumps(asked).encode() + b"\n", heard)
        if "refused" in answer:
            raise ImportRefused(file, answer["refused"], answer["line"])
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process, self.said = None, b""

    def _answer(
        self, file: Path, process: subprocess.Popen[bytes], asked: bytes, heard: Tell
    ) -> Answer:
        assert process.stdin is not None  # noqa: S101
        until_s = time.monotonic() + self.max_s
        try:
            process.stdin.write(asked)
            process.stdin.flush()
            while "progress" in (said := json.loads(self._line(file, process, until_s))):
                heard(said["progress"])
        except BaseException as error:
            self.close()
            if isinstance(error, BrokenPipeError):
                raise ImportRefused(file, "its reader process ended") from error
            raise
        answer: Answer = said
        return answer

    def _line(self, file: Path, process: subprocess.Popen[bytes], until_s: float) -> bytes:
        """Return the next line that the process says."""
        assert process.stdout is not None  # noqa: S101
        while b"\n" not in self.said:
            self.alive()
            if time.monotonic() > until_s:
                raise ImportRefused(file, f"reading it took over {self.max_s:.0f} s; split it")
            if select.select([process.stdout], [], [], _LOOK_S)[0]:
                piece = os.read(process.stdout.fileno(), 2**16)
                if not piece:
                    raise ImportRefused(file, self._ended(process.wait()))
                self.said += piece
        line, _, self.said = self.said.partition(b"\n")
        return line

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_LEAN, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )

    def _ended(self, code: int) -> str:
        return (
            f"its reader process was killed ({-code if code < 0 else code}): "
            f"it needs more than {MEMORY_MB} MB or {self.max_s:.0f} s; split it"
        )


def limited(memory_mb: int, file_bytes: int, *, threads: int = 1) -> BinaryIO:
    """Limit this process, and return where its answers go.

    Args:
        memory_mb: What it may take more than it has. [MB]
        file_bytes: The most that it may write of a file.
        threads: How many work at once.
    """
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What a library prints is no answer.
    os.dup2(2, 1)
    pa.set_cpu_count(threads)
    pa.set_io_thread_count(1)
    limit_process(memory_mb, file_bytes)
    return answers


def serve(
    answer: Callable[[Answer, Tell], Answer], *, threads: int = 1, max_s: int = MAX_S
) -> None:
    """Answer questions until standard input is closed, under limits: the other end.

    Args:
        answer: Called with what was asked, and with what says how far the work is; an
            ImportRefused of it, and memory that is not there, are answers, too.
        threads: How many work at once.
        max_s: What one answer may take of each thread. [s of the processor]
    """
    answers = limited(MEMORY_MB, _FILE_SIZE, threads=threads)

    def say(line: Answer) -> None:
        answers.write(json.dumps(line).encode() + b"\n")

    for line in sys.stdin.buffer:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit_cpu(int(used.ru_utime + used.ru_stime) + threads * max_s)
        say(_refusing(answer, json.loads(line), lambda far: say({"progress": far})))


def _refusing(answer: Callable[[Answer, Tell], Answer], asked: Answer, tell: Tell) -> Answer:
    try:
        return answer(asked, tell)
    except ImportRefused as refused:
        if _for_want_of_memory(refused):
            return {"refused": _TOO_MUCH, "line": None}
        return {"refused": refused.reason, "line": refused.line}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {"refused": _TOO_MUCH, "line": None}


def _for_want_of_memory(refused: BaseException) -> bool:
    """Return whether a refusal goes back to memory that was not there."""
    cause: BaseException | None = refused
    while cause is not None:
        if isinstance(cause, MemoryError | duckdb.OutOfMemoryException):
            return True
        cause = cause.__cause__
    return False
