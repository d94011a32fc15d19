"""The files that are packed, and the version that follows from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ekiben.errors import ConfigError

_VERSION_LENGTH = 16  # hex digits, as a model's version has
_NEVER = frozenset({"__pycache__"})


@dataclass(frozen=True, slots=True)
class Source:
    """One packed file.

    Attributes:
        path: Where it is on this machine.
        sha256: Hash of its bytes, hex.
    """

    path: Path
    sha256: str


def collect(project: Path, globs: Sequence[str], service: str) -> dict[str, Source]:
    """Files by their path relative to the project.

    Args:
        project: Root of the project.
        globs: Patterns relative to it; none means all Python files beside the service.
        service: `module:Class`; its module must be among the files.

    Raises:
        ConfigError: A pattern finds nothing or leaves the project, or the service is not among the files.
    """
    module = PurePosixPath(*service.partition(":")[0].split("."))
    patterns = tuple(globs) or (f"{module.parent.as_posix()}/**/*.py",)
    found = {path for pattern in patterns for path in _matching(project, pattern)}
    files = {path.relative_to(project).as_posix(): path for path in sorted(found)}
    if not {f"{module}.py", f"{module}/__init__.py"} & files.keys():
        raise ConfigError(
            f"bento.include: expected {module}.py of the service {service!r} among the files, "
            f"found {', '.join(files)}",
            remedy="add its folder to bento.include, or correct bento.service",
        )
    return {name: Source(path, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in files.items()}


def _matching(project: Path, pattern: str) -> list[Path]:
    pure = PurePosixPath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        raise ConfigError(f"bento.include: expected a pattern inside the project, found {pattern!r}")
    found = [path for path in project.glob(pattern) if path.is_file() and not _NEVER & set(path.parts)]
    if not found:
        raise ConfigError(
            f"bento.include: expected files that match {pattern!r} in {project}, found none",
            remedy="correct the pattern; it is relative to the project",
        )
    outside = [path for path in found if not path.resolve().is_relative_to(project.resolve())]
    if outside:
        raise ConfigError(
            f"bento.include: {outside[0]} is a link to {outside[0].resolve()}, outside of the project",
            remedy="copy the file into the project",
        )
    return found


def version(sources: Mapping[str, Source], **inputs: Any) -> str:
    """Version of the bento: the same inputs give the same, on every machine.

    Args:
        sources: Its files.
        inputs: All else that decides what it does; JSON.
    """
    content = {"sources": {name: source.sha256 for name, source in sources.items()}, **inputs}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_VERSION_LENGTH]
