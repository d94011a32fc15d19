"""The second layer: the pod's Python packages, wheels only, from the lock with hashes.

uv installs them into a folder of this machine for the image's platform, not
for this machine's; no code of theirs runs.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ekiben.clients import command
from ekiben.image import python, tree
from ekiben.image.blobs import Blobs, Made
from ekiben.image.layer import Layer
from ekiben.image.sbom import Component, from_metadata

_log = logging.getLogger(__name__)

SITE = "opt/ekiben/site"
_RECIPE = 1  # raise it when the code below changes what comes out
_PLATFORM = "x86_64-manylinux_2_28"  # what requirements/pod.txt is resolved for
# Sources of extension modules, headers, type stubs: nothing reads them at run time.
_UNUSED_SUFFIXES = (".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx", ".tp")
_UNUSED_FOLDERS = frozenset({"__pycache__", "test", "tests"})
_INSTALLER_FILES = frozenset({".lock", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})

Compiler = Callable[[Path], AbstractContextManager[python.Python]]


def build(blobs: Blobs, lock: Path, base: str, compiler: Compiler) -> Layer:
    """The packages' layer, from the cache or new.

    Args:
        blobs: The cache.
        lock: Requirements with hashes.
        base: What decides the bytecode: hash of the layer that holds Python.
        compiler: Opens, in a given folder, the Python that writes the bytecode.

    Raises:
        ToolError: uv is missing, or failed.
    """
    key = hashlib.sha256(f"{_RECIPE} {_PLATFORM} {base}\n".encode() + lock.read_bytes()).hexdigest()[:32]
    with blobs.room() as room:
        return blobs.layer("packages", key, lambda: _make(lock, room, compiler))


def _make(lock: Path, room: Path, compiler: Compiler) -> Made:
    _log.info("packages: installing the lock, compiling, packing (about 25 s, and a download the first time)")
    site = room / "site"
    _install(lock, site)
    prune(site)
    with compiler(room) as found:
        python.compile_all(found, site, f"/{SITE}")
    return Made(tree.walk(site, SITE), components(site))


def _install(lock: Path, site: Path) -> None:
    uv = command.find(
        "uv", search=[Path(sys.executable).parent], remedy="it comes with BentoML: run `make setup`"
    )
    command.run(
        [
            str(uv), "pip", "install", "--quiet", "--target", str(site), "--python", sys.executable,
            "--python-version", python.MINOR, "--python-platform", _PLATFORM, "--only-binary", ":all:",
            "--require-hashes", "--no-deps", "--requirements", str(lock),
        ]
    )  # fmt: skip


def prune(site: Path) -> None:
    """Remove what the pod never reads, and what tells of this machine.

    Scripts name this machine's Python; RECORD lists them with their hash. Licences stay.
    """
    _remove(site / "bin")
    for path in sorted(site.rglob("*")):
        if path.is_symlink() or not path.exists():
            continue
        if path.is_dir():
            if path.name in _UNUSED_FOLDERS:
                _remove(path)
        elif path.name in _INSTALLER_FILES or (path.suffix in _UNUSED_SUFFIXES and not _legal(path)):
            path.unlink()
    for record in sorted(site.glob("*.dist-info/RECORD")):
        lines = [line for line in record.read_text().splitlines() if (site / _first(line)).is_file()]
        # A new file in the old one's place: the old one may be a hard link into uv's cache.
        record.unlink()
        record.write_text("".join(f"{line}\n" for line in sorted(lines)))


def components(site: Path) -> tuple[Component, ...]:
    """Every distribution that is installed in a folder."""
    found = (from_metadata(path.read_text()) for path in site.glob("*.dist-info/METADATA"))
    return tuple(sorted(found, key=lambda part: part.name.lower()))


def _legal(path: Path) -> bool:
    return any(part.endswith(".dist-info") for part in path.parts)


def _first(line: str) -> str:
    return line.rsplit(",", 2)[0].strip('"')


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
