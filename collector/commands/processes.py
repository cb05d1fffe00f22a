"""Several processes, started and stopped together, without leaving one behind."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

STOP_TIMEOUT_S = 8.0
"""How long a child may take to stop before it is killed. [wall s]"""


@dataclass(slots=True)
class ChildProcess:
    """One of our own commands, running as a process of its own."""

    name: str
    process: asyncio.subprocess.Process


@dataclass(slots=True)
class Processes:
    """The child processes of one command."""

    children: list[ChildProcess] = field(default_factory=list)

    async def start(
        self,
        name: str,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        *,
        with_output: bool = False,
    ) -> ChildProcess:
        """Start ``perpscope`` with *arguments* and with *variables* added to the environment.

        Its standard output is a pipe if *with_output* is set; the caller must read it,
        because a full pipe blocks the process. Otherwise it is discarded.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "perpscope",
            *arguments,
            env={**os.environ, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if with_output else asyncio.subprocess.DEVNULL,
            # Ctrl-C goes to the whole terminal; only the parent acts on it, and stops its children.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        child = ChildProcess(name, process)
        self.children.append(child)
        return child

    async def stop(self) -> None:
        """Stop all children at once, and kill those that will not.

        None of them needs another to stop, and who stops us may not be patient.
        """
        await asyncio.gather(*(_stop(child.process) for child in self.children))


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    """Have the kernel stop this process when its parent is killed and cannot."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
