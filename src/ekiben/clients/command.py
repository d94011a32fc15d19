"""The only door to other programs: no shell, every command shown before it runs.

A failure becomes a `ToolError` that carries argv, status and the last lines.
Secrets are never arguments: they go in by `stdin` or by `env`, neither of which is shown.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.errors import ToolError

_log = logging.getLogger(__name__)
_LAST_LINES = 20  # enough for a compiler's or Helm's message, short enough for a terminal


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program left.

    Attributes:
        argv: The command.
        status: Exit status.
        stdout: All it wrote to standard output.
        stderr: All it wrote to standard error.
        seconds: Wall time.
    """

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float


def find(program: str, *, remedy: str, search: Sequence[Path] = ()) -> Path:
    """Find an executable in `search`, then on PATH.

    Raises:
        ToolError: It is in none of them.
    """
    for folder in search:
        if os.access(folder / program, os.X_OK):
            return folder / program
    found = shutil.which(program)
    if found is None:
        raise ToolError(f"expected the program {program!r} on PATH, found none", remedy=remedy)
    return Path(found)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if extra is None else {**os.environ, **extra}


def _show(argv: Sequence[str]) -> None:
    _log.info("+ %s", shlex.join(argv))


def _failure(argv: Sequence[str], status: int | None, text: str, why: str) -> ToolError:
    last = "\n".join(text.strip().splitlines()[-_LAST_LINES:])
    return ToolError(f"{shlex.join(argv[:6])} {why}", argv=argv, status=status, last_lines=last)


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
    check: bool = True,
    show: bool = True,
) -> Completed:
    """Run a program to its end.

    Args:
        argv: Program and arguments; no secret among them.
        stdin: Text for its standard input; it gets none otherwise.
        env: Variables added to ours; never shown.
        cwd: Working directory.
        timeout_seconds: Longest wall time; None waits for ever.
        check: Raise when the status is not 0.
        show: Log the command before it runs; False for polling.

    Returns:
        Status and output.

    Raises:
        ToolError: Not found, timed out, or (with `check`) failed.
    """
    if show:
        _show(argv)
    began = time.monotonic()
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(env),
            cwd=cwd,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolError(f"expected the program {argv[0]!r}, found none", argv=argv) from error
    except subprocess.TimeoutExpired as error:
        text = (error.stderr or b"").decode(errors="replace") if isinstance(error.stderr, bytes) else ""
        raise _failure(argv, None, text, f"did not end within {timeout_seconds:g} s") from error
    if check and done.returncode != 0:
        raise _failure(argv, done.returncode, done.stderr or done.stdout, f"ended with {done.returncode}")
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def stream(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Completed:
    """Run a long program and hand over each line as it comes (both streams, merged).

    Raises:
        ToolError: Not found, or it failed.
    """
    _show(argv)
    began = time.monotonic()
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_environment(env),
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise ToolError(f"expected the program {argv[0]!r}, found none", argv=argv) from error
    with process:
        try:
            assert process.stdout is not None  # noqa: S101  # PIPE was asked for
            for raw in process.stdout:
                line = raw.rstrip("\n")
                last.append(line)
                on_line(line)
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status != 0:
        raise _failure(argv, status, "\n".join(last), f"ended with {status}")
    return Completed(tuple(argv), status, "\n".join(last), "", time.monotonic() - began)


def start(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Start a program that outlives us, in a session of its own, its output in `log`.

    Returns:
        Its process id.

    Raises:
        ToolError: Not found.
    """
    _show(argv)
    with log.open("ab") as out:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(env),
                cwd=cwd,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise ToolError(f"expected the program {argv[0]!r}, found none", argv=argv) from error
    # The child is meant to outlive this object; without this its destructor warns.
    process.returncode = 0
    return process.pid


def replace(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Become another program (exec), keeping process id, terminal and signals."""
    _show(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(argv[0], list(argv), _environment(env) or dict(os.environ))  # noqa: S606  # none wanted
