"""Raw results: one JSON line per part of a scenario, only appended, with all that is needed to repeat it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from tests.torture.pod.scenario import Check, Scale

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docs" / "reliability.jsonl"
Verdict = Literal["passed", "failed", "not tested"]
# With a port or without; loopback is everybody's. Source: https://www.rfc-editor.org/rfc/rfc1918#section-3
_PRIVATE = re.compile(
    r"\b(?:10(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2})(?::\d+)?\b"
)


@dataclass(frozen=True, slots=True)
class Result:
    """One part of one scenario, done.

    Attributes:
        target: `ekiben` or `bentoml`.
        scenario: Its name.
        part: From 0.
        parts: Of the scenario at this scale.
        scale: `full` or `short`.
        seed: All chance of this part comes from it.
        code: Hash of the served code, or BentoML's version: what a resumed run must share.
        commit: Of the tree, with `+` if files differ from it.
        machine: Processor, cores, memory, kernel, Python.
        started: UTC, ISO 8601.
        seconds: How long it took.
        verdict: `not tested` is no pass.
        number: Requests, kills, cases.
        checks: Criteria and findings.
        notes: Further findings.
    """

    target: str
    scenario: str
    part: int
    parts: int
    scale: Scale
    seed: int
    code: str
    commit: str
    machine: str
    started: str
    seconds: float
    verdict: Verdict
    number: int
    checks: tuple[Check, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int, Scale, str, int]:
        """What makes a part the same part: done once, it is not done again."""
        return self.target, self.scenario, self.part, self.scale, self.code, self.parts


def read(path: Path = FILE) -> list[Result]:
    """All results of a file, oldest first; none if there is no file."""
    if not path.exists():
        return []
    return [_result(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _result(found: dict[str, Any]) -> Result:
    return Result(**{**found, "checks": tuple(Check(**each) for each in found["checks"])})


def placeless(text: str) -> str:
    """Take out of a text what is only true of this machine: folders, and addresses of its clusters."""
    names = {tempfile.gettempdir(): "$TMPDIR", str(Path.home()): "~", str(ROOT): "."}
    for folder, name in sorted(names.items(), key=lambda each: -len(each[0])):  # one may lie within another
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", name, text)
    return _PRIVATE.sub("<address>", text)


def told(found: Result) -> str:
    """One part, for people."""
    bad = "".join(f"\n    not met: {each.what}: {each.found}" for each in found.checks if not each.passed)
    return (
        f"{found.target} {found.scenario} {found.part + 1}/{found.parts}: {found.verdict}, "
        f"N = {found.number:,}, seed {found.seed}, {found.seconds:.1f} s{bad}"
    )


def append(result: Result, path: Path = FILE) -> None:
    """Add one, whole or not at all; what programs printed is kept without this machine's places."""
    checks = tuple(replace(each, found=placeless(each.found)) for each in result.checks)
    notes = {name: placeless(text) for name, text in result.notes.items()}
    kept = asdict(replace(result, checks=checks, notes=notes))
    line = json.dumps(kept, ensure_ascii=False, sort_keys=True) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def code(target: str) -> str:
    """What is tortured: the hash of the pod's sources, or the version of BentoML."""
    if target == "bentoml":
        return f"bentoml {metadata.version('bentoml')}"
    return f"serving {digest((ROOT / 'src' / 'ekiben' / 'serving').rglob('*.py'))}"


def digest(paths: Iterable[Path]) -> str:
    """First 16 hex digits of the SHA-256 of files and their names."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def commit() -> str:
    """Short hash of the commit, with `+` if the tree differs from it; empty without git."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def machine() -> str:
    """The machine in one line; no name, no address."""
    processor = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next(
        (int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return (
        f"{processor}, {os.cpu_count()} cores, {memory / 2**20:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def seed_of(seed: int, scenario: str, part: int) -> int:
    """Seed of one part, from that of the whole run."""
    return int.from_bytes(hashlib.sha256(f"{seed} {scenario} {part}".encode()).digest()[:6])
