"""Builds a record on a thread of its own, then the alerts on it: pages show it meanwhile."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analytics.errors import LakeError, PerpscopeError
from analytics.scratch import building
from analytics.scratch.preview import Built, Progress
from dashboard.components.upload_alerts import store_alerts
from dashboard.loaders import source
from dashboard.state.uploads import SERVER, Upload
from dashboard.studio.opening import MB, Opening

log = logging.getLogger(__name__)

_CHECK_S: Final = 1.0
"""How often it is looked how large a record has become. [wall s]"""
_FAILED: Final = "it failed; the dashboard's log has the traceback"

_BUILDS: Final[dict[str, Build]] = {}
"""Of this server, by the record's token."""


@dataclass(slots=True, eq=False)
class Build:
    """How the building of one record goes."""

    upload: Upload
    rules: str
    """The text of the rules whose alerts are looked for."""
    max_bytes: int
    """That the record may take on disk."""
    progress: Progress | None = None
    built: Built | None = None
    """What became of the files, once all is stored."""
    error: str | None = None
    """Why it is not built."""
    alerts: int | None = None
    """How many alerts fired on it, once they were looked for."""
    alerts_error: str | None = None
    is_over: bool = False
    _checked_s: float = field(default=0.0, init=False)

    def run(self, opening: Opening) -> None:
        """Build the record, and store the alerts on it."""
        try:
            self.built = building.build(
                opening.preview, opening.mapping, Path(self.upload.lake), self._heard
            )
            self.upload.is_ready = True
            self._store_alerts()
        except PerpscopeError as error:
            self.error = str(error)
        except Exception:
            log.exception("record not built")
            self.error = _FAILED
        finally:
            self.is_over = True
            for part in ("files", "work"):
                shutil.rmtree(self.upload.home / part, ignore_errors=True)
            if not SERVER.is_open(self.upload.token):
                # It was closed meanwhile: what was written since goes, too.
                shutil.rmtree(self.upload.home, ignore_errors=True)

    def _heard(self, progress: Progress) -> None:
        self.progress = progress
        if not SERVER.is_open(self.upload.token):
            raise LakeError("the record was closed")
        if time.monotonic() - self._checked_s > _CHECK_S:
            self._checked_s = time.monotonic()
            if _bytes(self.upload.home) > self.max_bytes:
                raise LakeError(
                    f"the record takes more than {self.max_bytes / MB:,.0f} MB on disk "
                    "(PERPSCOPE_STUDIO_MAX_MB)"
                )
        if progress.is_ready:
            self.upload.is_ready = True

    def _store_alerts(self) -> None:
        try:
            self.alerts = store_alerts(self.upload.lake, self.rules)
        except LakeError as error:
            self.alerts_error = str(error)


def start(opening: Opening, rules: str) -> Build:
    """Begin to build the record of *opening*, whose questions are answered."""
    build = Build(opening.upload, rules, source.settings().studio_max_mb * MB)
    for token in [token for token in _BUILDS if not SERVER.is_open(token)]:
        del _BUILDS[token]
    _BUILDS[opening.upload.token] = build
    threading.Thread(target=build.run, args=(opening,), name="studio build", daemon=True).start()
    return build


def of(upload: Upload) -> Build | None:
    """Return how the building of *upload* goes or went; None where it was opened elsewhere."""
    return _BUILDS.get(upload.token)


def _bytes(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:
            continue
    return sizes
