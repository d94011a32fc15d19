"""One virtual environment per peer, from its own lock with hashes, kept in ekiben's cache."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import command, locks, places

ROOT = Path(__file__).resolve().parents[1]
_log = logging.getLogger(__name__)
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a server's Python has installed.

    Attributes:
        name: `pod` is the release image's set; any other is a file of `requirements/bench`.
    """

    name: str

    @property
    def lock(self) -> Path:
        """The requirements with hashes."""
        folder = ROOT / "requirements"
        return folder / "pod.txt" if self.name == "pod" else folder / "bench" / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        """Where it is installed: another lock or another Python is another folder."""
        key = hashlib.sha256(f"{sys.version}\n".encode() + self.lock.read_bytes()).hexdigest()[:12]
        return places.cache() / "bench" / f"{self.name}-{key}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def versions(self) -> dict[str, str]:
        """Version of each distribution, by name."""
        return versions(self.lock.read_text(encoding="utf-8"))

    def make(self) -> None:
        """Install it, unless it is there; all or nothing.

        Raises:
            ToolError: uv is missing, or an installation failed.
        """
        done = self.folder / ".done"
        if done.is_file():
            return
        with locks.alone(self.folder.with_suffix(".lock"), lambda: _log.info("waiting for %s", self.name)):
            if not done.is_file():
                _install(self)
                done.touch()


def versions(lock: str) -> dict[str, str]:
    """Read what a lock pins.

    Args:
        lock: Requirements, `name==version` at the start of a line.
    """
    return dict(_PIN.findall(lock))


def _install(environment: Environment) -> None:
    uv = command.find("uv", search=[Path(sys.executable).parent], remedy="run `make setup`")
    shutil.rmtree(environment.folder, ignore_errors=True)  # what an interrupted installation left
    command.run([str(uv), "venv", "--quiet", "--python", sys.executable, str(environment.folder)])
    command.run(
        [
            str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--no-deps",
            "--python", str(environment.python), "--requirements", str(environment.lock),
        ]
    )  # fmt: skip
