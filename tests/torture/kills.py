"""`python -m tests.torture.kills --station train --count 50 --seed 1`: kill -9 at random moments.

Each time a real process does the work in a home of its own and is killed with
all its children, every other time at a moment drawn from the whole run, every other time
from the part in which it writes to the home. Then BentoML itself lists the
store: what it lists must be whole, and the state must be the one before or the
one after (a clean-up may have got as far as any one of its versions). The same
work, run again, must reach the state after, and leave no rest.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.torture import kill_stations
from tests.torture.kill_state import State
from tests.torture.kill_stations import Work

_LONGEST_SECONDS = 120.0
_ENDED = "ended before the kill"  # drawn again


@dataclass(frozen=True, slots=True)
class Run:
    """How long an undisturbed run takes.

    Attributes:
        seconds: All of it.
        quiet_seconds: Until it first writes to the home.
    """

    seconds: float
    quiet_seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Run; gives 0 if nothing half-written was found, 1 if something was."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.kills")
    parser.add_argument("--station", choices=sorted(kill_stations.every()), action="append", required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    kill_stations.load()
    bad = 0
    for name in given.station:
        with tempfile.TemporaryDirectory(prefix="ekiben-kills-") as folder:
            found = torture(name, given.count, given.seed, Path(folder))
        sys.stdout.write(json.dumps({"station": name, "seed": given.seed, **found}) + "\n")
        bad += len(found["wrong"])
    return 1 if bad else 0


def torture(name: str, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kill one station's work so many times.

    Returns:
        Counts by outcome, and everything that was wrong, in words.
    """
    work = kill_stations.every()[name]
    with work.around(folder):
        return _tortured(work, count, seed, folder)


def _tortured(work: Work, count: int, seed: int, folder: Path) -> dict[str, Any]:
    template, reference = folder / "template", folder / "reference"
    _undisturbed(work.prepare, template, folder)
    _copy(template, reference)
    _undisturbed(work.act, reference, folder)
    _copy(template, folder / "timed")
    run = _undisturbed(work.act, folder / "timed", folder)  # warm, as those that are killed
    before, after = work.look(template, folder), work.look(reference, folder)
    chance = random.Random(seed)  # noqa: S311  # moments
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    number = 0
    while (killed := outcomes.total() - outcomes[_ENDED]) < count and outcomes[_ENDED] <= 4 * count:
        number += 1
        home = folder / f"home-{number}"
        _copy(template, home)
        writing = killed % 2 == 1
        longest = run.seconds - run.quiet_seconds if writing else run.seconds
        ended = _killed(work.act, home, folder, chance.uniform(0, longest), writing=writing)
        outcome = _judged(work.look(home, folder), before, after, wrong, number)
        outcomes[_ENDED if ended else outcome] += 1
        repaired = _undisturbed(work.act, home, folder)
        if outcome == "as before":  # the machine may have been busier when it was timed
            run = min(run, repaired, key=lambda each: each.seconds)
        again = work.look(home, folder)
        wrong += [f"{number}: after the next run: {each}" for each in again.broken]
        if again != after:
            wrong.append(f"{number}: the next run left {again.differs(after)}")
        if rest := work.left(home):
            wrong.append(f"{number}: rests {rest}")
        shutil.rmtree(home)
    if work.look(template, folder) != before:
        wrong.append("a run wrote into a file that it shares with others instead of beside it")
    seconds = {
        "run_seconds": round(run.seconds, 2),
        "writing_seconds": round(run.seconds - run.quiet_seconds, 2),
    }
    return {"killed": killed, **seconds, "outcomes": dict(outcomes), "wrong": wrong}


def _copy(template: Path, home: Path) -> None:
    """Copy a home; blobs of layers, which nobody writes to once they have their name, by a second name."""

    def copied(source: str, target: str) -> None:
        if "/cache/image/blobs/" in source:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(template, home, symlinks=True, copy_function=copied)


def _judged(found: State, before: State, after: State, wrong: list[str], number: int) -> str:
    wrong += [f"{number}: {each}" for each in found.broken]
    if found in (before, after):
        return "as before" if found == before else "as after"
    if found.between(before, after):
        return "between two versions"
    wrong.append(f"{number}: neither before nor after: {found.differs(after)}")
    return "wrong"


def _undisturbed(work: Callable[[Path, Path], None], home: Path, folder: Path) -> Run:
    began = time.monotonic()
    pid, first = _started(work, home, folder)
    ready, _, _ = select.select([first], [], [], _LONGEST_SECONDS)
    quiet = time.monotonic() - began
    assert ready
    _, status = os.waitpid(pid, 0)
    os.close(first)
    assert status == 0, f"the work itself failed with {status}"
    return Run(time.monotonic() - began, quiet)


def _killed(
    work: Callable[[Path, Path], None], home: Path, folder: Path, after_seconds: float, *, writing: bool
) -> bool:
    """Kill the work, with its children; True if it had ended."""
    pid, first = _started(work, home, folder)
    if writing:
        select.select([first], [], [], _LONGEST_SECONDS)
    time.sleep(after_seconds)
    os.close(first)
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        assert status == 0, f"the work itself failed with {status}"
        return True
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    _gone(pid)
    return False


def _gone(group: int) -> None:
    """Wait until no process of the group writes any more."""
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def _started(work: Callable[[Path, Path], None], home: Path, folder: Path) -> tuple[int, int]:
    """Fork a process with a group of its own; a pipe tells when it first writes to the home."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.setpgid(pid, pid)
        return pid, reading
    os.setpgid(0, 0)
    status = 1
    try:
        os.close(reading)
        environment: Mapping[str, str] = {
            "BENTOML_HOME": str(home),
            "EKIBEN_STATE": str(folder / "state"),
            "EKIBEN_CACHE": str(home / "cache"),
        }
        os.environ.update(environment)
        _tell(home, writing)
        work(home, folder)
        os.write(writing, b"e")  # also where it wrote nothing
        status = 0
    except BaseException:  # noqa: BLE001  # the parent sees the status
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _tell(home: Path, pipe: int) -> None:
    told = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal told
        if not told and event in {"os.mkdir", "os.rename", "os.link"} and str(home) in str(arguments[0]):
            told = True
            os.write(pipe, b"w")

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.exit(main())
