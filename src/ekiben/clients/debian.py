"""Debian packages: installed where they bring no service, else only extracted into the cache.

containerd, etcd, docker-registry and Alertmanager would start as services of the machine;
extracted, they are files like any other, and the machine stays as it was.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ekiben.clients import command, locks, places
from ekiben.errors import ToolError

_log = logging.getLogger(__name__)
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
_PATIENCE = ("-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")
_ATTEMPTS = 3
# What asks for another attempt: a download, stale lists, or a dpkg that was killed in the middle.
_DOWNLOAD = re.compile(
    r"Failed to fetch|Temporary failure|Could not (connect|resolve)|404 +Not Found|Hash Sum mismatch"
    r"|Unable to locate|Unable to find|no installation candidate|Can't find a source",
    re.IGNORECASE,
)
_INTERRUPTED = re.compile(r"dpkg was interrupted|Unmet dependencies|--fix-broken", re.IGNORECASE)


def available() -> bool:
    """This is a Debian (or a child of it)."""
    return all(shutil.which(program) for program in ("apt-get", "dpkg", "dpkg-query"))


def missing(packages: Sequence[str]) -> list[str]:
    """Packages that are not installed."""
    done = command.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages],
        check=False,
        show=False,
    )
    return not_installed(packages, done.stdout)


def not_installed(packages: Sequence[str], listing: str) -> list[str]:
    """Which packages a listing of `name status` lines does not show as installed."""
    have = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in have]


def install(packages: Sequence[str], *, say: Callable[[str], None] = _log.info) -> None:
    """Install what is missing of packages that bring no service.

    Raises:
        ToolError: Not root, no Debian, or apt-get failed.
    """
    wanted = missing(packages) if available() else list(packages)
    if not wanted:
        return
    remedy = f"apt-get install --no-install-recommends {' '.join(wanted)}"
    if not available() or os.geteuid() != 0:
        raise ToolError(
            f"expected the Debian packages {', '.join(wanted)}, found them missing", remedy=remedy
        )
    say(f"installing Debian packages: {', '.join(wanted)} (usually 15 s)")
    _apt(["install", "--yes", "--no-install-recommends", *wanted], cwd=Path("/"), say=say)


def extract(packages: Sequence[str], name: str, *, say: Callable[[str], None] = _log.info) -> Path:
    """Extract packages into the cache, all or none; nothing of them is configured or started.

    Args:
        packages: Which packages; what they depend on must be there.
        name: Of the folder in the cache; change it when the list changes.
        say: Takes lines of progress.

    Returns:
        The folder: their file tree.

    Raises:
        ToolError: No Debian, no download, no disk.
    """
    target = places.cache() / "debian" / name
    if target.exists():
        return target
    if not available():
        raise ToolError(
            f"expected apt-get and dpkg to fetch {', '.join(packages)}, found none", remedy="use a Debian 12"
        )
    lock = target.with_name(f".{name}.lock")
    with locks.alone(lock, lambda: say("waiting for another fetch of the same packages")):
        if not target.exists():
            say(f"fetching Debian packages: {', '.join(packages)} (usually 5 s)")
            _extract(packages, target, say)
    return target


def _extract(packages: Sequence[str], target: Path, say: Callable[[str], None]) -> None:
    folder = target.with_name(f".{target.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted fetch left
    tree = folder / "tree"
    tree.mkdir(parents=True)
    try:
        _apt(["-o", "APT::Sandbox::User=root", "download", *packages], cwd=folder, say=say)
        for archive in sorted(folder.glob("*.deb")):
            command.run(["dpkg", "--extract", str(archive), str(tree)], show=False)
        tree.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _apt(arguments: Sequence[str], *, cwd: Path, say: Callable[[str], None]) -> None:
    """Run apt-get; refresh its lists or finish dpkg's interrupted work where that is what it asks for."""
    for attempt in range(1, _ATTEMPTS + 1):
        done = command.run(["apt-get", "--quiet", *_PATIENCE, *arguments], env=_QUIET, cwd=cwd, check=False)
        if done.status == 0:
            return
        text = done.stderr + done.stdout
        last = "\n".join(text.strip().splitlines()[-10:])
        if attempt == _ATTEMPTS or not (_DOWNLOAD.search(text) or _INTERRUPTED.search(text)):
            raise ToolError(
                f"apt-get {arguments[0]} ended with {done.status}",
                argv=done.argv,
                status=done.status,
                last_lines=last,
            )
        say(f"apt-get {arguments[0]} failed, attempt {attempt} of {_ATTEMPTS}: repairing and trying again")
        if _INTERRUPTED.search(text):
            command.run(["dpkg", "--configure", "--pending"], env=_QUIET, check=False)
            command.run(
                ["apt-get", "--quiet", "--yes", *_PATIENCE, "--fix-broken", "install"],
                env=_QUIET,
                check=False,
            )
        else:
            command.run(["apt-get", "--quiet", *_PATIENCE, "update"], env=_QUIET, check=False)
        time.sleep(attempt)
