"""The command line: the stations in road order, one file each, and the exit codes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ekiben.cli import (
    bento,
    config,
    ground,
    image,
    key,
    model,
    observe,
    output,
    release,
    road,
    scale,
    seal,
    simulation,
    traffic,
    train,
    zero,
)
from ekiben.errors import EkibenError

_INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended


class _Road(TyperGroup):
    """Lists the commands by station, in road order, without the 0.2 s that rich takes to load."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        stations: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            panel = getattr(command, "rich_help_panel", None) or ""
            stations.setdefault(str(panel), []).append((name, command.get_short_help_str(limit=90)))
        # Typer lists verbs with subcommands apart from the others.
        for panel in sorted(stations, key=lambda name: (name != road.PANEL, not name[:1].isdigit(), name)):
            with formatter.section(panel):
                formatter.write_dl(stations[panel])


app = typer.Typer(
    name="ekiben",
    cls=_Road,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Take a trained scikit-learn model to a Kubernetes service that scales itself.\n\n"
    "The road: train -> bento -> image -> release -> traffic -> scale -> observe.",
)


@app.callback()
def _global(
    project: Annotated[
        Path,
        typer.Option("--project", envvar="EKIBEN_PROJECT", metavar="DIR", help="Folder that holds bentos/."),
    ] = Path(),
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show every step.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show warnings and results only.")] = False,
) -> None:
    os.environ["EKIBEN_PROJECT"] = str(project.resolve())
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    output.configure_logging(1 if verbose else -1 if quiet else 0)


for _station in (
    road,
    train,
    model,
    bento,
    seal,
    image,
    release,
    traffic,
    key,
    scale,
    simulation,
    zero,
    observe,
    ground,
    config,
):
    _station.register(app)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Parse, dispatch and turn errors into exit codes.

    Returns:
        0 done, or the code of the error (see `ekiben.errors`); 130 when interrupted.
    """
    arguments = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, _as_interrupt)  # a kill unwinds like Ctrl-C
    try:
        code = app(args=arguments, standalone_mode=False)
    except EkibenError as error:
        output.failure(error, as_json="--json" in arguments)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001  # raised again unless the parser made it
        return _usage_or_bug(error, as_json="--json" in arguments)
    if code == _INTERRUPTED:  # typer gives the code where a command was interrupted, and says nothing
        print("ekiben: interrupted; the next run carries on from here", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _usage_or_bug(error: Exception, *, as_json: bool) -> int:
    """Show a usage error of the parser; anything else is our bug and keeps its traceback."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        if as_json:
            said = getattr(error, "format_message", error.__str__)()
            output.failed("UsageError", said, "see --help of the command", code)
        return code
    raise error
