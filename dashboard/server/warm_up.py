"""Loads the pages' code and makes the first reads before the first visitor."""

from __future__ import annotations

import gc
import logging
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import streamlit as st

import dashboard
from analytics.errors import PerpscopeError
from analytics.panels.panel import TIMEFRAMES
from dashboard.state.uploads import SERVER, delete_left_behind

log = logging.getLogger(__name__)

_RUN: Final = ("dashboard.app_pages", "dashboard.server")
"""Folders of scripts, and of the server itself: to load them is to run them."""

_EVERY_S: Final = 60.0
"""How often it is looked for uploaded records that nobody looks at. [wall s]"""


@asynccontextmanager
async def warmed(_app: st.App) -> AsyncIterator[None]:
    """Warm up on a thread while the server begins to answer."""
    async with anyio.create_task_group() as tasks:
        # A server that is asked to stop does not wait for it.
        tasks.start_soon(partial(anyio.to_thread.run_sync, warm_up, abandon_on_cancel=True))
        tasks.start_soon(_delete_idle_uploads)
        yield
        tasks.cancel_scope.cancel()
    SERVER.close_all()


async def _delete_idle_uploads() -> None:
    while True:
        await anyio.to_thread.run_sync(SERVER.close_idle)
        await anyio.sleep(_EVERY_S)


def warm_up() -> None:
    """Load what every page needs, and read what most pages begin with."""
    try:
        _load_code()
        _read()
    except PerpscopeError:
        # Whoever opens a page is told, and what to do.
        return
    except Exception:
        # A bug in one module or read must not keep the pages that do without it from being served.
        log.exception("not warmed up")
    finally:
        # Code stays for good: nobody need look through it for garbage again and again.
        gc.collect()
        gc.freeze()


# Not with this module: caches that are made before the server's runtime say that it is missing.
def _load_code() -> None:
    for folder in pkgutil.iter_modules(dashboard.__path__, "dashboard."):
        if not folder.ispkg or folder.name in _RUN:
            continue
        package = import_module(folder.name)
        for module in pkgutil.iter_modules(package.__path__, f"{folder.name}."):
            import_module(module.name)


def _read() -> None:
    from dashboard.loaders import bars, queries, shown_moment, source
    from dashboard.state.view import FIRST_TIMEFRAME

    delete_left_behind(Path(source.live_folder()))
    shown = shown_moment.moment()
    queries.known_pairs(shown)
    queries.market_history(shown)
    # The first is what people see first, and any other is a click away.
    for timeframe, span in TIMEFRAMES.items():
        queries.pairs(shown, span)
        queries.liquidated(shown, span)
        bars.pair_curves(timeframe, shown)
    bars.signal_panels((FIRST_TIMEFRAME,), shown)
