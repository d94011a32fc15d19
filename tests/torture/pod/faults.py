"""The mutation check: one fault at a time in a copy of the tree, and the tests that must see it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tests.torture.pod import results

FILE = results.ROOT / "docs" / "seeded-faults.jsonl"
_COPIED = ("src", "tests", "bentos", "helm", "k8s", "tools", "requirements", "pyproject.toml", "Makefile")
_RED, _GREEN = 1, 0  # pytest's exit codes; any other means that the tests did not run
# But for these: native code that a fault let in broke pytest's process. No other process sends them.
_BROKEN = {-each for each in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)}
_BROKEN_TEST = re.compile(r'^ +File ".*?/(tests/\S+\.py)", line \d+ in (test_\w+)$', re.MULTILINE)
_RED_TEST = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)  # one blank: lines of a log have more
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Fault:
    """One change that breaks a guarantee.

    Attributes:
        name: Short and fixed.
        guarantee: What it breaks, in words.
        file: Below `folder`.
        old: Text that occurs there exactly once.
        new: What stands there instead.
        tests: What must turn red: arguments of pytest.
        folder: From the root of the tree.
    """

    name: str
    guarantee: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    folder: str = "src/ekiben/serving"

    @property
    def path(self) -> Path:
        """Of the file, from the root of the tree."""
        return Path(self.folder) / self.file


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fault.

    Attributes:
        name: Of the fault.
        guarantee: What it broke.
        file: Where.
        caught: Whether a test turned red.
        by: The first test that did.
        code: Hash of the code that it was seeded into.
        tests: Hash of the tests.
        commit: Of the tree.
        started: UTC, ISO 8601.
        seconds: How long the tests took.
    """

    name: str
    guarantee: str
    file: str
    caught: bool
    by: str
    code: str
    tests: str
    commit: str
    started: str
    seconds: float


class StaleFaultError(Exception):
    """A fault's old text is not, or not once, in the code."""


def patched(fault: Fault, text: str) -> str:
    """Text of its file with the fault.

    Raises:
        StaleFaultError: The old text does not occur exactly once, or nothing would change.
    """
    found = text.count(fault.old)
    if found != 1 or fault.old == fault.new:
        raise StaleFaultError(
            f"{fault.name}: expected its old text once in {fault.path}, found it {found} times; write it anew"
        )
    return text.replace(fault.old, fault.new)


def read(path: Path = FILE) -> list[Outcome]:
    """All outcomes of a file, oldest first."""
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def run(
    faults: Sequence[Fault], only: Sequence[str], path: Path, say: Callable[[str], None], *, code: str
) -> int:
    """Try every fault that this code and these tests have no outcome of; gives 1 if one survived.

    Args:
        faults: All of them.
        only: Names of those to try; none tries all.
        path: JSON lines are appended here.
        say: Told of each.
        code: Hash of the code that they are seeded into.
    """
    chosen = [each for each in faults if not only or each.name in only]
    for fault in chosen:  # before an hour is spent
        patched(fault, (results.ROOT / fault.path).read_text(encoding="utf-8"))
    tests = results.digest((results.ROOT / "tests").rglob("*.py"))
    done = {each.name: each for each in read(path) if (each.code, each.tests) == (code, tests)}
    left = [each for each in chosen if each.name not in done]
    survived = any(not done[each.name].caught for each in chosen if each.name in done)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        tree = copy(Path(folder))
        if left:
            _green(tree, sorted({test for each in left for test in each.tests}))
        for fault in left:
            outcome = _try(fault, tree, code, tests)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome), sort_keys=True) + "\n")
            survived = survived or not outcome.caught
            what = f"caught by {outcome.by}" if outcome.caught else "SURVIVED"
            say(f"{fault.name}: {what} ({outcome.seconds:.0f} s)")
    return int(survived)


def copy(folder: Path) -> Path:
    """Copy of the tree, as far as the tests need it."""
    tree = folder / "tree"
    tree.mkdir()
    for name in _COPIED:
        source = results.ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, tree / name)
    return tree


def _green(tree: Path, tests: Sequence[str]) -> None:
    """Without a fault the tests must pass, or their red says nothing."""
    status, said = _pytest(tree, tests)
    if status != _GREEN:
        raise RuntimeError(f"the tests are not green without a fault (pytest: {status}):\n{said[-3_000:]}")


def _try(fault: Fault, tree: Path, code: str, tests: str) -> Outcome:
    path = tree / fault.path
    before = path.read_text(encoding="utf-8")
    started, began = datetime.now(UTC), time.monotonic()
    path.write_text(patched(fault, before), encoding="utf-8")
    try:
        status, said = _pytest(tree, fault.tests)
    finally:
        path.write_text(before, encoding="utf-8")
    by = _red(fault, status, said)
    return Outcome(
        name=fault.name,
        guarantee=fault.guarantee,
        file=str(fault.path),
        caught=bool(by),
        by=by,
        code=code,
        tests=tests,
        commit=results.commit(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
    )


def _red(fault: Fault, status: int, said: str) -> str:
    """Name of the test that turned red; empty if none did.

    Raises:
        RuntimeError: The tests did not run, or were ended from outside: they have seen nothing.
    """
    if status == _GREEN:
        return ""
    if status in _BROKEN and (within := _BROKEN_TEST.search(said)):
        return f"{within[1]}::{within[2]}, whose process it broke"
    if status != _RED:
        raise RuntimeError(f"{fault.name}: the tests did not run (pytest: {status}):\n{said[-3_000:]}")
    named = _RED_TEST.search(said)
    if named is None:
        raise RuntimeError(f"{fault.name}: expected the name of a red test, found none:\n{said[-3_000:]}")
    return named[1]


def _pytest(tree: Path, tests: Sequence[str]) -> tuple[Literal[0, 1] | Any, str]:
    """Run tests of the copy; a run that hangs has turned red."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            argv,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return _RED, "FAILED (hung)"
    return done.returncode, done.stdout + done.stderr
