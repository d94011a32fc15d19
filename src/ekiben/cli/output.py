"""Results on stdout, as lines or as JSON; everything else on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ekiben.errors import EkibenError, ToolError
from ekiben.jsonable import jsonable

if TYPE_CHECKING:
    from rich.console import RenderableType


def emit(value: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print a result.

    Args:
        value: What machines get; dataclasses and paths are turned into JSON.
        lines: What people get.
        as_json: Which of the two.
    """
    if as_json:
        print(json.dumps(jsonable(value), indent=2, ensure_ascii=False))
    else:
        for line in lines:
            print(line)


def show(value: Any, lines: Iterable[str], drawn: Callable[[], RenderableType], *, as_json: bool) -> None:
    """Print a result; where a person looks, as rich draws it.

    Args:
        value: What machines get.
        lines: What files and pipes get.
        drawn: Draws it for a terminal.
        as_json: Print the first.
    """
    if as_json or not sys.stdout.isatty():
        emit(value, lines, as_json=as_json)
        return
    from rich.console import Console

    Console(highlight=False).print(drawn())


def failure(error: EkibenError, *, as_json: bool) -> None:
    """Say what went wrong and what to do next, on stderr; with `as_json` also as an object on stdout."""
    print(f"ekiben: {error}", file=sys.stderr)
    if isinstance(error, ToolError) and error.last_lines:
        print("\n".join(f"  | {line}" for line in error.last_lines.splitlines()), file=sys.stderr)
    if error.remedy:
        print(f"  next: {error.remedy}", file=sys.stderr)
    if as_json:
        failed(type(error).__name__, str(error), error.remedy, error.exit_code)


def failed(name: str, message: str, remedy: str, exit_code: int) -> None:
    """Print a failure as an object on stdout: where machines look, there is always one."""
    print(json.dumps({"error": name, "message": message, "remedy": remedy, "exit_code": exit_code}))


def configure_logging(verbosity: int) -> None:
    """Log to stderr: -1 warnings only, 0 what the stations do, 1 everything of ours."""
    level = {-1: logging.WARNING, 0: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("ekiben")
    ours.handlers[:] = [handler]
    ours.setLevel(level)
    ours.propagate = False
