"""Build the oracle of the HPA's arithmetic from upstream's own sources, once per hash of what it is made of.

The versions are those of the cluster that ekiben builds: `k8s/local/go.mod`, without its programs.
Upstream's package is vendored, because Go lays nothing over its module cache; three files are laid over it:
the door `hpa/overlay/oracle.go`, and the two files that ask for the time, with `time.Now()` replaced by the
case's clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ekiben.clients import command, gobuild, locks, places, recipes

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).parent / "hpa"
LOCAL = ROOT / "k8s" / "local"
_PACKAGE = "vendor/k8s.io/kubernetes/pkg/controller/podautoscaler"
# File of upstream's package and how often it reads the clock: another number is another upstream.
_CLOCKS = {"horizontal.go": 14, "replica_calculator.go": 1}
_MODULE = "ekiben.invalid/tests/oracles/hpa"


def _go_mod() -> str:
    """The cluster's module without its programs."""
    text = (LOCAL / "go.mod").read_text(encoding="utf-8")
    text = re.sub(r"^module \S+", f"module {_MODULE}", text, flags=re.MULTILINE)
    return re.sub(r"^tool \(.*?^\)\n", "", text, flags=re.MULTILINE | re.DOTALL)


def _key() -> str:
    digest = hashlib.sha256(gobuild.go_version().encode())
    for text in (_go_mod(), *(path.read_text("utf-8") for path in sorted(SOURCES.rglob("*.go")))):
        digest.update(text.encode())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]


def oracle(say: Callable[[str], None]) -> Path:
    """The built oracle: reads cases and writes decisions, JSON lines.

    Args:
        say: Takes lines of progress.

    Raises:
        ToolError: No Go, no download, or the compiler failed.
    """
    folder = places.cache() / "oracles" / f"hpa-{_key()}"
    program = folder / "hpa-oracle"
    with locks.alone(folder.parent / ".hpa.lock", lambda: say("waiting for another build of the oracle")):
        if not program.exists():
            say("building the oracle; usually 60 s on 2 cores where Go's cache has the cluster's programs")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "go.mod").write_text(_go_mod(), encoding="utf-8")
            shutil.copy(LOCAL / "go.sum", folder / "go.sum")
            shutil.copy(SOURCES / "main.go", folder / "main.go")
            _go(folder, "mod", "vendor")
            overlay = _overlay(folder)
            flags = ["-mod=vendor", f"-overlay={overlay}", "-trimpath", "-gcflags=all=-dwarf=false"]
            _go(folder, "build", *flags, "-ldflags=-s -w", "-o", f"{program}.partial", ".")
            Path(f"{program}.partial").replace(program)
    return program


def _go(folder: Path, *arguments: str) -> None:
    flags = os.environ.get("GOFLAGS", "")
    environment = recipes.environment() | {"GOFLAGS": f"{flags} -buildvcs=false".strip()}
    command.run(["go", *arguments], cwd=folder, env=environment)


def _overlay(folder: Path) -> Path:
    """Write the files that are laid over upstream's package, and the list that Go reads."""
    package = folder / _PACKAGE
    replaced = {str(package / "oracle.go"): str(SOURCES / "overlay" / "oracle.go")}
    for name, clocks in _CLOCKS.items():
        text, found = re.subn(r"\btime\.Now\(\)", "oracleNow()", (package / name).read_text(encoding="utf-8"))
        if found != clocks:
            raise SystemExit(f"expected {clocks} uses of the clock in upstream's {name}, found {found}")
        patched = folder / f"overlay-{name}"
        patched.with_suffix(".txt").write_text(text, encoding="utf-8")  # no Go file of the module itself
        replaced[str(package / name)] = str(patched.with_suffix(".txt"))
    path = folder / "overlay.json"
    path.write_text(json.dumps({"Replace": replaced}), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(oracle(print))  # noqa: T201  # a path for the shell
