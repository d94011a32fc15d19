"""The door to other programs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ekiben.clients import command
from ekiben.errors import ToolError


def test_a_missing_program_names_itself_and_the_remedy() -> None:
    """What is not there is a ToolError with what to do next."""
    with pytest.raises(ToolError, match="'no-such-program'") as caught:
        command.find("no-such-program", remedy="install it")
    assert caught.value.remedy == "install it"


def test_a_program_of_the_given_folders_wins_over_path(tmp_path: Path) -> None:
    """`search` is looked at before PATH."""
    (tmp_path / "sh").write_text("#!/bin/sh\n")
    (tmp_path / "sh").chmod(0o755)
    assert command.find("sh", remedy="", search=[tmp_path]) == tmp_path / "sh"


def test_a_failure_carries_status_and_last_lines() -> None:
    """The end of what a failed program said is in the error."""
    with pytest.raises(ToolError) as caught:
        command.run([sys.executable, "-c", "import sys; sys.stderr.write('first\\nlast\\n'); sys.exit(9)"])
    assert (caught.value.status, caught.value.last_lines) == (9, "first\nlast")


def test_a_program_that_takes_too_long_is_ended() -> None:
    """A time-out is a ToolError without status."""
    with pytest.raises(ToolError, match=r"within 0\.2 s") as caught:
        command.run([sys.executable, "-c", "import time; time.sleep(30)"], timeout_seconds=0.2)
    assert caught.value.status is None


def test_neither_stdin_nor_environment_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The command is logged before it runs; secrets go in by ways that are not."""
    with caplog.at_level(logging.INFO, "ekiben.clients.command"):
        logging.getLogger("ekiben").propagate = True
        done = command.run(
            [sys.executable, "-c", "import os; print(input() + os.environ['TOKEN'])"],
            stdin="hush",
            env={"TOKEN": "secret"},
        )
    assert done.stdout == "hushsecret\n"
    assert "hush" not in caplog.text
    assert "secret" not in caplog.text


def test_lines_come_while_the_program_runs() -> None:
    """`stream` hands over a line before the program has ended."""
    times: list[float] = []
    program = "import time; print(1, flush=True); time.sleep(0.4); print(2)"
    done = command.stream([sys.executable, "-c", program], on_line=lambda _: times.append(time.monotonic()))
    assert done.status == 0
    assert times[1] - times[0] > 0.3


def test_a_started_program_is_the_leader_of_its_own_session(tmp_path: Path) -> None:
    """It outlives us: another session, output in its log."""
    pid = command.start(
        [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(30)"], log=tmp_path / "log"
    )
    try:
        assert os.getsid(pid) == pid
        deadline = time.monotonic() + 1.5
        while (tmp_path / "log").read_text() != "up\n" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (tmp_path / "log").read_text() == "up\n"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
