"""The command line; the one module that starts both the collector and the dashboard.

Data goes to stdout, messages to stderr. ``Exit`` lists the exit codes. What a command needs is
imported when it is called: all of it takes two seconds, and no command needs all.
"""

from __future__ import annotations

from collector.service import interrupts

interrupts.end_at_once()

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.console import Console

from analytics.errors import (
    BundleRefused,
    ImportRefused,
    LakeError,
    PerpscopeError,
    QueryError,
    RuleError,
    SettingsError,
    VenueError,
)
from analytics.lake.layout import PRIVATE_UMASK
from analytics.untrusted.visible import visible
from collector.service.left_behind import end_if_left_behind

if TYPE_CHECKING:
    from collector.settings import Settings

interrupts.raise_again()


class Exit(IntEnum):
    """Exit codes of the process; scripts rely on them."""

    OK = 0
    FAILED = 1
    """Any other error; doctor found a problem, or verify a difference."""
    SETTINGS = 2
    """A setting or an argument is wrong."""
    VENUE = 3
    """No venue answered."""
    LAKE = 4
    """The lake cannot be opened, read or written."""
    REFUSED = 5
    """A file was refused; nothing of it was stored."""
    INTERRUPTED = interrupts.INTERRUPTED
    """Stopped by Ctrl-C: 128 + SIGINT, as in shells."""


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted research terminal for perpetual futures.",
)
alerts = typer.Typer(no_args_is_help=True, help="Rules and channels of alerts.")
app.add_typer(alerts, name="alerts")
err = Console(stderr=True, emoji=False)

Venues = Annotated[
    list[str] | None,
    typer.Option("--venue", help="Only this venue; can be repeated. [default: PERPSCOPE_VENUES]"),
]
Port = Annotated[int | None, typer.Option(help="Port of the dashboard. [env: PERPSCOPE_PORT]")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same market.")]
Speed = Annotated[float, typer.Option(min=1, max=600, help="Seconds of market time per second.")]
Recording = Annotated[
    Path | None, typer.Option(help="Play back this recorded series instead of a synthetic market.")
]


@app.command()
def demo(port: Port = None, seed: Seed = 7, speed: Speed = 1, recording: Recording = None) -> None:
    """Run simulator, collector and dashboard, with a lake of their own."""
    with interrupts.ending_at_once():
        from collector.commands import launch
    options = launch.simulator_options(seed=seed, speed=speed, recorded=recording)
    _end(interrupted=asyncio.run(launch.demo(_settings(port=port), options)))


@app.command()
def up(port: Port = None) -> None:
    """Run collector and dashboard on the real venues."""
    with interrupts.ending_at_once():
        from collector.commands import launch
    _end(interrupted=asyncio.run(launch.up(_settings(port=port))))


@app.command()
def collect(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Run one cycle of each venue, then exit.")
    ] = False,
    venue: Venues = None,
) -> None:
    """Run the collector until stopped."""
    settings = _settings(venues=tuple(venue) if venue else None)
    with interrupts.ending_at_once():
        from collector.service import logs, runner
    logs.start(settings.data_dir / "logs", settings.log_level)
    if not once:
        interrupted = asyncio.run(runner.run(settings))
        end_if_left_behind(Exit.INTERRUPTED if interrupted else Exit.OK)
        _end(interrupted=interrupted)
    cycles = asyncio.run(runner.run_once(settings))
    if cycles and not any(cycle.answered for cycle in cycles):
        raise typer.Exit(Exit.VENUE)


@app.command()
def serve(port: Port = None) -> None:
    """Run the dashboard."""
    settings = _settings(port=port)
    with interrupts.ending_at_once():
        from collector.commands import serve as serving
    serving.refuse_open(settings)
    serving.refuse_taken_port(settings.port)
    serving.become_dashboard(settings)


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    with interrupts.ending_at_once():
        import orjson
        from streamlit import logger

        # Else it says of each cache that no server runs.
        logger.set_log_level("ERROR")
        from dashboard.api.application import openapi as document
    print(orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode())  # noqa: T201


@app.command("import")
def import_(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings, archive files or tables.")
    ] = None,
    *,
    undo: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Undo this import; can be repeated."),
    ] = None,
) -> None:
    """Import files; if a collector is running, it does the work."""
    if not files and not undo:
        raise typer.BadParameter("give files to import, or --undo ID")
    settings = _settings()
    with interrupts.ending_at_once():
        from collector.commands import import_files as imports
    if not imports.run(settings.data_dir, files or (), err, _out(), undo=undo or ()):
        raise typer.Exit(Exit.REFUSED)


@app.command("imports")
def imports_() -> None:
    """List imports with their ids for `import --undo`."""
    folder, wall = _settings().data_dir, datetime.now(UTC)
    with interrupts.ending_at_once():
        from analytics.cli import query_cli
    if not query_cli.ask(folder, "imports", (), "table", sys.stdout, wall=wall):
        err.print("no imports", markup=False, highlight=False)


@app.command()
def backfill(
    days: Annotated[float, typer.Option(min=0.1, max=3650, help="Days of history.")] = 30,
    *,
    archive: Annotated[
        bool, typer.Option("--archive", help="Take whole days from Binance's public archive first.")
    ] = False,
    venue: Venues = None,
) -> None:
    """Fill in history from the venues; if a collector is running, it does the work."""
    settings = _settings(venues=tuple(venue) if venue else None)
    with interrupts.ending_at_once():
        from collector.commands import backfill as backfilling
        from collector.service import logs
    logs.start(settings.data_dir / "logs", settings.log_level)
    try:
        sound = backfilling.run(settings, days=days, archive=archive, err=err, out=_out())
    except KeyboardInterrupt:
        err.print("stopped; data fetched so far is stored, run it again to continue")
        raise typer.Exit(Exit.INTERRUPTED) from None
    if not sound:
        raise typer.Exit(Exit.VENUE)


@app.command()
def query(
    name: Annotated[
        str | None, typer.Argument(help="Name of the query; without it, all queries are listed.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of the query; can be repeated."),
    ] = None,
    written: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="Output format.")
    ] = "table",
) -> None:
    """Run a named query on the lake, or list all queries."""
    with interrupts.ending_at_once():
        from analytics.cli import query_cli
    if name is None:
        sys.stdout.write(query_cli.listing())
        return
    folder, wall = _settings().data_dir, datetime.now(UTC)
    rows = query_cli.ask(folder, name, param or (), written, sys.stdout, wall=wall)
    if not rows:
        err.print(f"{name}: no rows", markup=False, highlight=False)


@app.command()
def bundle(
    *,
    start: Annotated[str, typer.Option("--from", help="Start of the range, UTC.")],
    end: Annotated[str, typer.Option("--to", help="End of the range, UTC; at most 31 days on.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    pairs: Annotated[
        list[str] | None, typer.Option(help="As BTC/USDT,ETH/USDT. [default: all]")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Name of a rule; can be repeated. [default: all]")
    ] = None,
    trades: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Trades to simulate: an option of simulate-trades, as signal=rsi+obv; repeated.",
        ),
    ] = None,
    later: Annotated[
        bool, typer.Option("--later", help="Let rules see data that was fetched after --to.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a range of the record with rules and firings to one file that can be verified."""
    settings = _settings()
    with interrupts.ending_at_once():
        from analytics.cli import bundle_cli
    given = bundle_cli.Given(
        start=start,
        end=end,
        pairs=pairs or (),
        rules=rule or (),
        out=out,
        force=force,
        later=later,
        trades=trades or (),
    )
    bundle_cli.bundle(settings.data_dir, given, settings.model_dump(), sys.stdout)


@app.command()
def verify(file: Annotated[Path, typer.Argument(help="A bundle.")]) -> None:
    """Check every byte of a bundle, and that its firings follow from its rows."""
    with interrupts.ending_at_once():
        from analytics.cli import bundle_cli
    if not bundle_cli.check(file, sys.stdout):
        raise typer.Exit(Exit.FAILED)


@app.command()
def replay(
    *,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="First time, UTC.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Last time, UTC.")],
    name: Annotated[str, typer.Option("--query", help="Name of the query.")] = "pairs",
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A parameter of the query; can be repeated. [default: as on the pages]",
        ),
    ] = None,
    step: Annotated[
        str, typer.Option(help="cycle: the record's own, or marks of 5m, 15m, 30m, 1h, 4h, 1d.")
    ] = "cycle",
    speed: Annotated[
        str, typer.Option(help="Seconds of the record in a second; max does not wait.")
    ] = "1",
) -> None:
    """Write what a query answered at each step of a past range, as JSON lines."""
    settings = _settings()
    with interrupts.ending_at_once():
        from analytics.cli import replay_cli

        # A reader that has enough closes the pipe: that ends it as it ends any other tool.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        asked = replay_cli.Asked(start, end, name, param or (), step, speed)
        count = replay_cli.write(settings.data_dir, asked, settings.interval_s, sys.stdout)
    if not count:
        err.print("no step of the record lies in that range", markup=False, highlight=False)


@app.command()
def doctor() -> None:
    """Print the settings in effect; check lake, disk, clock, venues and websockets."""
    settings = _settings()
    with interrupts.ending_at_once():
        from collector.commands import doctor as checks
    sound = asyncio.run(checks.examine(settings, _out()))
    raise typer.Exit(Exit.OK if sound else Exit.FAILED)


@alerts.command("check")
def check_rules(file: Annotated[Path, typer.Argument(help="An alerts.toml.")]) -> None:
    """Check a file of alert rules; say what is wrong in which line."""
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli
    count = len(rules_cli.read(file))
    sys.stdout.write(f"{visible(str(file))}: {count} rule{'' if count == 1 else 's'}\n")


@alerts.command("list")
def list_rules() -> None:
    """List the alert rules of the data folder."""
    folder = _settings().data_dir
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli
    rules_cli.write_list(rules_cli.of_folder(folder), sys.stdout)


@alerts.command("test")
def try_rule(
    rule: Annotated[str, typer.Argument(help="Name of a rule.")],
    *,
    since: Annotated[str, typer.Option(help="How far to look back.")] = "7d",
    file: Annotated[
        Path | None, typer.Option(help="Rules that are not in place yet. [default: alerts.toml]")
    ] = None,
) -> None:
    """Show when an alert rule would have fired, by 5-minute bars."""
    folder, wall = _settings().data_dir, datetime.now(UTC)
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli
    rules = rules_cli.of_folder(folder) if file is None else rules_cli.read(file)
    rules_cli.write_test(folder, rules, rule, since, sys.stdout, wall=wall)


@alerts.command("score")
def score_rules(
    rule: Annotated[list[str] | None, typer.Argument(help="Names of rules. [default: all]")] = None,
    *,
    since: Annotated[str, typer.Option(help="How far to look back.")] = "30d",
    recorded: Annotated[
        bool, typer.Option(help="Only alerts that were recorded, not all that would have fired.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write all figures as CSV.")] = False,
) -> None:
    """Judge alert rules by what price and open interest did after they fired."""
    folder, wall = _settings().data_dir, datetime.now(UTC)
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli, score_cli
    rules = rules_cli.of_folder(folder)
    asked = score_cli.Asked(folder, since, wall, recorded=recorded)
    found = score_cli.scorecard(asked, rules, rule or [])
    if csv:
        sys.stdout.write(score_cli.csv(found))
    else:
        score_cli.write(found, _out())


@alerts.command("sweep")
def sweep_rule(
    rule: Annotated[str, typer.Argument(help="Name of a rule.")],
    *,
    vary: Annotated[
        list[str], typer.Option(help="A threshold of its condition, as z_oi=1.5:4:0.5; one or two.")
    ],
    since: Annotated[str, typer.Option(help="How far to look back.")] = "30d",
    horizon: Annotated[
        str, typer.Option(help="How long after a firing: 5m, 15m, 1h, 4h, 1d.")
    ] = "1h",
    oi: Annotated[
        bool, typer.Option("--oi", help="Judge by open interest instead of price.")
    ] = False,
) -> None:
    """Try thresholds of an alert rule on one half of the record, and check them on the other."""
    folder, wall = _settings().data_dir, datetime.now(UTC)
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli, score_cli
        from analytics.rules import rules_file
    one = rules_file.named(rules_cli.of_folder(folder), rule)
    asked = score_cli.Asked(folder, since, wall)
    measure = "oi_delta_pct" if oi else "price_delta_pct"
    score_cli.write_sweep(score_cli.swept(asked, one, vary, (measure, horizon)), _out())


@alerts.command("send-test")
def send_test(
    channel: Annotated[str, typer.Argument(help="Name of a channel of alerts.")],
) -> None:
    """Send a test message to a channel of alerts."""
    folder = _settings().data_dir
    with interrupts.ending_at_once():
        from collector.commands import send_test as sending
    sending.run(folder, channel, _out())


@app.command("simulate-trades")
def simulate_trades(
    *,
    signal: Annotated[
        str | None,
        typer.Option(
            help="rsi, obv, bollinger, rsi+obv, bollinger+obv (OBV filters) or rule:NAME."
        ),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(help="Enter while this condition holds for a pair; SQL, as in alert rules."),
    ] = None,
    exit_: Annotated[
        str | None, typer.Option("--exit", help="Exit while this condition holds.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the signal, as period=21; can be repeated."),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="As BTC,okx ETH/USDT:USDT. [default: all]")
    ] = None,
    timeframe: Annotated[str, typer.Option(help="5m, 15m, 30m, 1h, 4h or 1d.")] = "5m",
    since: Annotated[
        str, typer.Option("--from", help="Start, UTC: 2026-03-01T12:00Z, or 30d before the end.")
    ] = "30d",
    until: Annotated[str | None, typer.Option("--to", help="End, UTC. [default: now]")] = None,
    side: Annotated[Literal["long", "short", "both"], typer.Option()] = "long",
    size: Annotated[
        str, typer.Option(help="Of a trade: USD (1000), part of equity (10%), or vol:20%.")
    ] = "1000",
    capital: Annotated[float, typer.Option(help="Start capital, USD.")] = 10_000,
    fee: Annotated[
        str | None,
        typer.Option(help="maker/taker in %, as 0.02/0.05. [default: the venue's lowest tier]"),
    ] = None,
    slippage: Annotated[
        str, typer.Option(help="Basis points, or book+2: half the recorded spread and 2.")
    ] = "2",
    stop: Annotated[float | None, typer.Option(help="Stop, % from the entry.")] = None,
    target: Annotated[float | None, typer.Option(help="Target, % from the entry.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Close a trade after so long, as 4h.")
    ] = None,
    max_positions: Annotated[
        int | None, typer.Option(help="Most positions open at once, over all pairs.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only check that the signals do not look ahead.")
    ] = False,
    walk_forward: Annotated[
        str | None,
        typer.Option(help="Choose on 14 days, judge on the next 7, and repeat to the end: 14d:7d."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(help="For --walk-forward: a parameter as period=7:28:7; can be repeated."),
    ] = None,
    measure: Annotated[
        Literal["sharpe", "pnl_usd"], typer.Option(help="What --walk-forward chooses by.")
    ] = "sharpe",
    csv: Annotated[
        str | None, typer.Option(help="Write the trades to this file; - is stdout.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(help="Write trades and account to this file; - is stdout.")
    ] = None,
) -> None:
    """Simulate trades of signals on recorded bars, with fees, slippage and funding."""
    folder, wall = _settings().data_dir, datetime.now(UTC)
    with interrupts.ending_at_once():
        from analytics.cli import rules_cli, simulate_cli
        from analytics.trades.simulated.request import Asked
    asked = Asked(
        signal=signal,
        entry=entry,
        exit=exit_,
        settings=set_ or (),
        pairs=pairs,
        timeframe=timeframe,
        since=since,
        until=until,
        side=side,
        size=size,
        capital_usd=capital,
        fee=fee,
        slippage=slippage,
        stop_pct=stop,
        target_pct=target,
        time_limit=time_limit,
        most_positions=max_positions,
    )
    rules = rules_cli.of_folder(folder)
    if walk_forward is not None:
        walk = walk_forward, vary or (), measure
        simulate_cli.write_walk_forward(folder, asked, walk, rules, _out(), wall)
        return
    if check:
        is_sound = simulate_cli.write_check(folder, asked, rules, _out(), wall)
        raise typer.Exit(Exit.OK if is_sound else Exit.FAILED)
    found = simulate_cli.simulate(folder, asked, rules, wall)
    if csv is not None:
        simulate_cli.export_csv(found, csv)
    if json is not None:
        simulate_cli.export_json(found, json)
    if "-" not in (csv, json):
        simulate_cli.write(found, _out())


@app.command()
def simulate(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes any free port.")] = 8700,
    seed: Seed = 7,
    speed: Speed = 1,
    recording: Recording = None,
    instruments: Annotated[int, typer.Option(min=1, max=300, help="Number of base assets.")] = 60,
    start: Annotated[
        datetime | None, typer.Option(help="Start of its clock, UTC. [default: now]")
    ] = None,
) -> None:
    """Run the simulator of the venues' REST and websockets; print its address."""
    with interrupts.ending_at_once():
        from collector.commands import simulate as simulation
    simulation.run(
        port=port,
        seed=seed,
        speed=speed,
        recorded=recording,
        instruments=instruments,
        start=start,
    )


def _settings(**overrides: object) -> Settings:
    """Return the settings in effect, as ``collector.settings.load`` does."""
    with interrupts.ending_at_once():
        from collector.settings import load
    return load(**overrides)


def _end(*, interrupted: bool) -> NoReturn:
    """Exit from a command that runs until stopped."""
    raise typer.Exit(Exit.INTERRUPTED if interrupted else Exit.OK)


def _out() -> Console:
    """Console for data on stdout, not wrapped if that is a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else 250, emoji=False)


def exit_code(error: PerpscopeError) -> Exit:
    """Return the exit code for *error*."""
    match error:
        case SettingsError() | QueryError() | RuleError() | BundleRefused():
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
    """Run the command line; our own errors print one line, bugs a traceback."""
    # Files made by this process and its children are readable by their owner only.
    os.umask(PRIVATE_UMASK)
    try:
        app()
    except BaseException as error:
        if not isinstance(error, SystemExit) and interrupts.is_behind(error):
            sys.exit(Exit.INTERRUPTED)
        if not isinstance(error, PerpscopeError):
            raise
        sentence = f"perpscope: {visible(str(error))}"
        err.print(sentence, soft_wrap=True, markup=False, highlight=False)
        code = exit_code(error)
        end_if_left_behind(code)
        sys.exit(code)
    finally:
        # Everything is closed: a second Ctrl-C may end Python at once.
        interrupts.end_at_once()


if __name__ == "__main__":
    main()
