"""Bytecode made before the image is: a read-only root starts at once, and never compiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ekiben.clients import command
from ekiben.image.platforms import Platform

MINOR = "3.11"  # what the lock was resolved for, and what artefacts are written with


@dataclass(frozen=True, slots=True)
class Python:
    """A Python that runs on this machine and writes bytecode for the image's.

    Attributes:
        argv: How it is started.
        environment: What it needs to find its library.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def of_root(root: Path, platform: Platform) -> Python:
    """A base's own Python, run through its own loader: neither chroot nor privilege.

    Args:
        root: The base, unpacked.
        platform: Of the base; this machine's.
    """
    libraries = ":".join(str(root / part / platform.triplet) for part in ("lib", "usr/lib"))
    return Python(
        (str(root / platform.loader), "--library-path", libraries, str(root / f"usr/bin/python{MINOR}")),
        {"PYTHONHOME": str(root / "usr")},
    )


@contextmanager
def unpacked(blob: Path, room: Path) -> Iterator[Path]:
    """The root of a base layer, for as long as it is needed."""
    root = room / "root"
    root.mkdir()
    command.run(
        ["tar", "--extract", "--gzip", "--no-same-owner", "--file", str(blob), "--directory", str(root)]
    )
    yield root


def compile_all(python: Python, folder: Path, place: str) -> None:
    """Write bytecode beside all sources below a folder.

    The bytecode is never checked against its source (both are read-only in the
    image), names its place in the image, and is the same for the same sources:
    one process, in the order of the names. (Sets of constants come out sorted from 3.11 on.)

    Args:
        python: What compiles.
        folder: Where the sources are now.
        place: Where they will be in the image.

    Raises:
        ToolError: A source does not compile.
    """
    command.run(
        [
            *python.argv, "-B", "-S", "-m", "compileall", "-q", "-j", "1",
            "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", place, str(folder),
        ],
        env={"PYTHONPATH": "", **python.environment},
    )  # fmt: skip
