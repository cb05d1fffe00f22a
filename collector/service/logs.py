"""The collector's log: JSON lines in a file that is rotated, plain lines on stderr."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from analytics.errors import LakeError

FILE_BYTES = 10 * 2**20
FILES = 5

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def start(folder: Path, level: str) -> None:
    """Log from *level* up, to ``folder/collector.log`` and, in plain words, to stderr.

    Raises:
        LakeError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(
            folder / "collector.log", maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8"
        )
    except OSError as error:
        raise LakeError(
            f"{folder}: cannot be written ({error.strerror}); "
            "set PERPSCOPE_DATA_DIR to a folder that you can write to"
        ) from error
    file.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(_formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())))
    logging.basicConfig(level=level, handlers=[file, screen], force=True)
    # APScheduler tells of every run at INFO: thousands of lines a day that say nothing.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _formatter(renderer: structlog.typing.Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
