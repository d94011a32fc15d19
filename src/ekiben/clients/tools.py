"""The programs that ekiben drives: on PATH where the version fits, else from its cache, else made.

`find` is the whole door; what it takes is said once.
"""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import command, debian, gobuild, recipes
from ekiben.errors import ConfigError, ToolError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and the oldest version that does.

    Attributes:
        floor: Oldest version, as numbers; with the reason beside its entry.
        ask: Arguments that make it print its version.
        package: Debian package that brings it; empty if it is built from Go.
    """

    floor: tuple[int, ...]
    ask: tuple[str, ...]
    package: str = ""


TOOLS = {
    # The oldest Helm 3 whose `--wait` and JSON output are what we read; Helm 4 applies server-side.
    "helm": Tool((3, 14), ("version", "--template", "{{.Version}}")),
    # One minor version may lie between kubectl and the API server, three are tolerated by all we call.
    "kubectl": Tool((1, 32), ("version", "--client")),
    # Where native histograms and 3.x rules parse.
    "promtool": Tool((2, 53), ("--version",)),
    # Where schemas of Kubernetes 1.35 resolve.
    "kubeconform": Tool((0, 6, 4), ("-v",)),
    "kube-score": Tool((1, 18), ("version",)),
    # Debian 12's.
    "buildah": Tool((1, 28), ("--version",), package="buildah"),
    "skopeo": Tool((1, 9), ("--version",), package="skopeo"),
    "mmdebstrap": Tool((1, 3), ("--version",), package="mmdebstrap"),
}
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def version_in(text: str) -> tuple[int, ...] | None:
    """The first version number in what a program printed; None if there is none."""
    found = _VERSION.search(text)
    return tuple(int(part) for part in found.groups(default="0")) if found else None


def fits(text: str, floor: tuple[int, ...]) -> bool:
    """Whether what a program printed shows at least the version `floor`."""
    version = version_in(text)
    return version is not None and version >= floor


def find(program: str) -> Path:
    """Where a program is; built or installed first if it must be.

    Args:
        program: One of `TOOLS`.

    Returns:
        Its path, absolute.

    Raises:
        ConfigError: ekiben knows no such program.
        ToolError: It is missing and cannot be had here; the remedy says what to do.
    """
    tool = TOOLS.get(program)
    if tool is None:
        raise ConfigError(f"expected one of {', '.join(TOOLS)}, found {program!r}")
    on_path = _on_path(program, tool)
    if on_path is not None:
        return on_path
    if tool.package:
        debian.install([tool.package])
        return command.find(program, remedy=f"apt-get install {tool.package}")
    ready = gobuild.built(program)
    return ready if ready is not None else _build(program)


def _on_path(program: str, tool: Tool) -> Path | None:
    path = shutil.which(program)
    if path is None:
        return None
    done = command.run([path, *tool.ask], check=False, show=False, timeout_seconds=30)
    if fits(done.stdout or done.stderr, tool.floor):
        return Path(path)
    wanted = ".".join(map(str, tool.floor))
    _log.info("%s on PATH is older than %s or does not say its version: taking our own", path, wanted)
    return None


def _build(program: str) -> Path:
    recipe = recipes.recipe_of(program)
    assert recipe is not None  # noqa: S101  # a tool without package has a recipe; a test says so
    try:
        return gobuild.build(recipe, [program]) / program
    except ToolError as error:
        if error.argv:
            raise
        floor = ".".join(map(str, TOOLS[program].floor))
        raise ToolError(
            f"expected {program} {floor} or newer on PATH, or Go to build it; found neither",
            remedy=f"install {program}, or: {error.remedy}",
        ) from error
