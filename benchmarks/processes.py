"""The processes of a server: stopped until their turn, measured, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

import psutil

_LOOK_SECONDS = 0.002
_SIGNAL_SECONDS = 5  # a signal waits until its process gets the core
_SETTLE_SECONDS, _QUIET_SECONDS = 10, 0.1  # CPU time is counted in hundredths of a second
_GONE = "gone"
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that came of it.

    Attributes:
        pid: Of the first one.
    """

    pid: int

    def processes(self) -> list[psutil.Process]:
        """Give them, parents before children; none if the first has ended."""
        try:
            first = psutil.Process(self.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pause(self) -> None:
        """Stop them, so that they take nothing of the core while another server is measured."""
        found = self.processes()
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        _wait_for(found, {psutil.STATUS_STOPPED})

    def resume(self) -> None:
        """Let them go on; children first, lest a parent takes them for dead."""
        for process in reversed(self.processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until they have worked off what a load left behind that went away: at most 10 s."""
        end = time.monotonic() + _SETTLE_SECONDS
        used = self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(_QUIET_SECONDS)
            before, used = used, self.cpu_seconds()
            if used - before < _QUIET_SECONDS / 4:
                return

    def memory_bytes(self) -> int:
        """Memory of all, shared pages divided among those who share them (PSS)."""
        return _total(self.processes(), lambda process: int(process.memory_full_info().pss))

    def cpu_seconds(self) -> float:
        """CPU time of all so far."""
        return _total(self.processes(), lambda process: float(sum(process.cpu_times()[:2])))

    def end(self, first: subprocess.Popen[bytes]) -> None:
        """Kill all, and wait until they are gone."""
        found = self.processes()
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()  # lest a parent starts a child anew
        everyone = list({each.pid: each for each in (*found, *self.processes())}.values())
        for process in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        first.wait()
        _wait_for(everyone, set())


def _wait_for(processes: Sequence[psutil.Process], states: AbstractSet[str]) -> None:
    """Wait until each is in one of some states, or gone."""
    end = time.monotonic() + _SIGNAL_SECONDS
    while time.monotonic() < end and not all(_state(each) in {*states, _GONE} for each in processes):
        time.sleep(_LOOK_SECONDS)


def _state(process: psutil.Process) -> str:
    try:
        found = str(process.status())
    except psutil.NoSuchProcess:
        return _GONE
    return _GONE if found == psutil.STATUS_ZOMBIE else found


def _total(processes: Sequence[psutil.Process], of: Callable[[psutil.Process], Number]) -> Number:
    """Add up what processes have; one that has just ended has nothing."""
    total: Number = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += of(process)
    return total
