"""What the results were measured on, and what was measured."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.models import ROOT
from ekiben.clients import command

_OWN = Path(__file__).parent
_MEASURED = ("serving", "artefact")  # rooms of the operator's side answer no request
# Code that decides no figure: a change of it starts no new series.
_ABOUT_RESULTS = frozenset({"figures.py", "goals.py", "page.py", "summary.py", "tables.py"})
_OTHERS = ("capacity", "simulation")  # benchmarks with commands and journals of their own


def facts() -> dict[str, Any]:
    """Describe this machine.

    Returns:
        CPU model, cores, memory in GiB, kernel (its version: a build of it says who made the image, and an
        exchanged virtual machine of one kind would begin everything anew), operating system and Python.
    """
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / (1 << 20)) if memory else None,
        "kernel": platform.release().partition("-")[0],
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version(),
    }


def commit() -> str:
    """Name the commit, with `-dirty` if something in the folder differs from it."""
    git = ["git", "-C", str(ROOT)]
    changed = command.run([*git, "status", "--porcelain"], show=False).stdout.strip()
    name = command.run([*git, "rev-parse", "HEAD"], show=False).stdout.strip()[:12]
    return f"{name}-dirty" if changed else name


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Name a series: what is measured, how, and on what."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def sources(folder: Path) -> str:
    """Hash the product's sources: of the pod, and of what writes the forms that it reads.

    Args:
        folder: Holds the package.
    """
    rooms = (folder / "ekiben" / room for room in _MEASURED)
    return _hashed(folder, (path for room in rooms for path in room.rglob("*.py")))


def method() -> str:
    """Hash how it is measured: this package, and the environments' locks."""
    locks = (ROOT / "requirements" / "bench").glob("*.txt")
    own = (path for path in _OWN.rglob("*") if path.suffix in (".py", ".lua"))
    measuring = (
        path for path in own if path.name not in _ABOUT_RESULTS and not path.stem.startswith(_OTHERS)
    )
    return _hashed(ROOT, [*measuring, *locks, ROOT / "requirements" / "pod.txt"])


def _hashed(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
