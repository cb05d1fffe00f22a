"""The command line: the one file that knows both doors of the house.

Data goes to stdout, everything said about it to stderr. What an exit code means
stands in ``Exit``.
"""

from __future__ import annotations

from collector.service import interrupts

interrupts.end_at_once()

import asyncio
import os
import sys
from datetime import UTC, datetime
from enum import IntEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from analytics import query_cli
from analytics.errors import (
    ImportRefused,
    LakeError,
    PerpscopeError,
    QueryError,
    SettingsError,
    VenueError,
)
from analytics.lake.layout import PRIVATE_UMASK
from analytics.untrusted.visible import visible
from collector.commands import backfill as backfilling
from collector.commands import doctor as checks
from collector.commands import import_files as imports
from collector.commands import launch
from collector.commands import simulate as simulation
from collector.service import control, logs, runner
from collector.service.health_server import LOOPBACK
from collector.settings import Settings, load

interrupts.raise_again()

_GUARDED = (
    *("--server.headless", "true"),
    *("--server.allowedHosts", "localhost", "--server.allowedHosts", "127.0.0.1"),
    *("--server.enableXsrfProtection", "true"),
    *("--server.enableAgentApi", "false"),
    *("--server.maxUploadSize", "20"),
    *("--browser.gatherUsageStats", "false"),
    *("--client.showErrorDetails", "none"),
)
"""What keeps the dashboard to itself, also where .streamlit/config.toml is not found."""


class Exit(IntEnum):
    """What the process exits with; scripts rely on it."""

    OK = 0
    FAILED = 1
    """Something went wrong that has no code of its own; doctor found something wrong."""
    SETTINGS = 2
    """A setting or an argument is wrong."""
    VENUE = 3
    """Not one venue answered."""
    LAKE = 4
    """The lake cannot be opened, read or written."""
    REFUSED = 5
    """A file was refused; nothing of it was stored."""
    INTERRUPTED = interrupts.INTERRUPTED
    """Ctrl-C stopped it, as shells count it."""


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted research terminal for perpetual futures.",
)
said = Console(stderr=True, emoji=False)

Venues = Annotated[
    list[str] | None,
    typer.Option("--venue", help="Collect this venue only; may be given again. [default: all set]"),
]
Port = Annotated[int | None, typer.Option(help="Port of the dashboard. [env: PERPSCOPE_PORT]")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same market.")]
Speed = Annotated[
    float, typer.Option(min=1, max=600, help="Seconds of the market in one second of yours.")
]
Recording = Annotated[
    Path | None, typer.Option(help="Play this recorded series instead of a synthetic market.")
]


@app.command()
def demo(port: Port = None, seed: Seed = 7, speed: Speed = 1, recording: Recording = None) -> None:
    """Run everything on a simulated market, in a lake of its own."""
    options = simulation.options(seed=seed, speed=speed, recorded=recording)
    _end(interrupted=asyncio.run(launch.demo(load(port=port), options)))


@app.command()
def up(port: Port = None) -> None:
    """Run collector and dashboard on the real venues."""
    _end(interrupted=asyncio.run(launch.up(load(port=port))))


@app.command()
def collect(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="One cycle of each venue, then end.")
    ] = False,
    venue: Venues = None,
) -> None:
    """Collect from the venues into the lake until stopped."""
    settings = load(venues=tuple(venue) if venue else None)
    logs.start(settings.data_dir / "logs", settings.log_level)
    if not once:
        interrupted = asyncio.run(runner.run(settings))
        control.end_if_left_behind(Exit.INTERRUPTED if interrupted else Exit.OK)
        _end(interrupted=interrupted)
    cycles = asyncio.run(runner.run_once(settings))
    if cycles and not any(cycle.answered for cycle in cycles):
        raise typer.Exit(Exit.VENUE)


@app.command()
def serve(port: Port = None) -> None:
    """Show the dashboard of what was collected."""
    settings = load(port=port)
    launch.refuse_taken_port(settings.port)
    _become_dashboard(settings)


@app.command("import")
def import_(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings, archive files or tables.")
    ] = None,
    *,
    undo: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Take this import back; may be given again."),
    ] = None,
) -> None:
    """Store recorded series; beside a running collector, the collector does it."""
    if not files and not undo:
        raise typer.BadParameter("name the files to import, or an import to undo")
    settings = load()
    if not imports.run(settings.data_dir, files or (), said, _told(), undo=undo or ()):
        raise typer.Exit(Exit.REFUSED)


@app.command("imports")
def imports_() -> None:
    """List what was imported, with the ids by which `import --undo` takes it back."""
    folder, wall = load().data_dir, datetime.now(UTC)
    written = query_cli.Written.TABLE
    if not query_cli.ask(folder, "imports", (), written, sys.stdout, wall=wall):
        said.print("nothing was imported", markup=False, highlight=False)


@app.command()
def backfill(
    days: Annotated[float, typer.Option(min=0.1, max=3650, help="How far back.")] = 30,
    *,
    archive: Annotated[
        bool, typer.Option("--archive", help="Take whole days from the public archive first.")
    ] = False,
    venue: Venues = None,
) -> None:
    """Fill in history from the venues; beside a running collector, the collector does it."""
    settings = load(venues=tuple(venue) if venue else None)
    logs.start(settings.data_dir / "logs", settings.log_level)
    try:
        sound = backfilling.run(settings, days=days, archive=archive, said=said, told=_told())
    except KeyboardInterrupt:
        said.print("stopped; what was heard is stored, running it again goes on from there")
        raise typer.Exit(Exit.INTERRUPTED) from None
    if not sound:
        raise typer.Exit(Exit.VENUE)


@app.command()
def query(
    name: Annotated[
        str | None, typer.Argument(help="Which query; without one, all are listed.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of the query; may be given again."),
    ] = None,
    written: Annotated[
        query_cli.Written, typer.Option("--format", help="How the rows are written.")
    ] = query_cli.Written.TABLE,
) -> None:
    """Ask the record a named question, or list the questions there are."""
    if name is None:
        sys.stdout.write(query_cli.listing())
        return
    folder, wall = load().data_dir, datetime.now(UTC)
    rows = query_cli.ask(folder, name, param or (), written, sys.stdout, wall=wall)
    if not rows:
        said.print(f"{name}: no rows", markup=False, highlight=False)


@app.command()
def doctor() -> None:
    """Print the settings in effect and check all that a collector needs."""
    settings = load()
    sound = asyncio.run(checks.examine(settings, _told()))
    raise typer.Exit(Exit.OK if sound else Exit.FAILED)


@app.command()
def simulate(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes any free one.")] = 8700,
    seed: Seed = 7,
    speed: Speed = 1,
    recording: Recording = None,
    instruments: Annotated[int, typer.Option(min=1, max=300, help="Base assets listed.")] = 60,
    start: Annotated[
        datetime | None, typer.Option(help="What its clock shows at the start, UTC. [default: now]")
    ] = None,
) -> None:
    """Serve the wire formats of the venues from a simulated market; print its address."""
    simulation.run(
        port=port,
        seed=seed,
        speed=speed,
        recorded=recording,
        instruments=instruments,
        start=start,
    )


def _end(*, interrupted: bool) -> NoReturn:
    """End a command that runs until it is stopped."""
    raise typer.Exit(Exit.INTERRUPTED if interrupted else Exit.OK)


def _told() -> Console:
    """Where data goes; into a file or a pipe it goes unwrapped."""
    return Console(width=None if sys.stdout.isatty() else 250, emoji=False)


def _become_dashboard(settings: Settings) -> None:
    """Replace this process by Streamlit's, so that signals reach it and no child is left."""
    found = find_spec("dashboard")
    if found is None or found.origin is None:
        raise SettingsError("the package dashboard is not installed")
    arguments = [
        "dashboard",
        *("--server.port", str(settings.port)),
        *("--server.address", LOOPBACK),
        *_GUARDED,
        *(text for name in settings.allowed_hosts for text in ("--server.allowedHosts", name)),
    ]
    os.environ["PERPSCOPE_DATA_DIR"] = str(settings.data_dir.absolute())
    os.environ["PERPSCOPE_INTERVAL_S"] = str(settings.interval_s)
    # Streamlit looks for .streamlit/config.toml, the theme and the server's settings, from here.
    os.chdir(Path(found.origin).parents[1])
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606


def exit_code(error: PerpscopeError) -> Exit:
    """Return what the process exits with after *error*."""
    match error:
        case SettingsError() | QueryError():
            return Exit.SETTINGS
        case VenueError():
            return Exit.VENUE
        case LakeError():
            return Exit.LAKE
        case ImportRefused():
            return Exit.REFUSED
        case _:
            return Exit.FAILED


def main() -> None:
    """Run the command line: our own errors in one line, a bug with its traceback."""
    # Logs, what is fetched, and what children make: nobody else's.
    os.umask(PRIVATE_UMASK)
    try:
        app()
    except BaseException as error:
        if not isinstance(error, SystemExit) and interrupts.is_behind(error):
            sys.exit(Exit.INTERRUPTED)
        if not isinstance(error, PerpscopeError):
            raise
        sentence = f"perpscope: {visible(str(error))}"
        said.print(sentence, soft_wrap=True, markup=False, highlight=False)
        code = exit_code(error)
        control.end_if_left_behind(code)
        sys.exit(code)
    finally:
        # All is closed; a second Ctrl-C finds nothing to interrupt but Python's own end.
        interrupts.end_at_once()


if __name__ == "__main__":
    main()
