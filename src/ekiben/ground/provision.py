"""What a node is made of, brought into the cache: Debian's files, Go's programs, the system's images."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import debian, gobuild, locks, recipes
from ekiben.ground import configuration, images, keda, preflight
from ekiben.ground.component import IMAGES

_log = logging.getLogger(__name__)
Say = Callable[[str], None]
DEBIAN_SET = "node-1"  # counts changes of the list of packages


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the parts of a node are.

    Attributes:
        binaries: Go programs and the archive of system images.
        debian: File tree of the extracted packages.
        keda: KEDA's programs, images and manifest; None where it is not wanted.
    """

    binaries: Path
    debian: Path
    keda: Path | None = None


def provide(*, say: Say = _log.info, nice: bool = False, with_keda: bool = False) -> Parts:
    """Bring everything into the cache that a node needs; quick when it is there.

    Args:
        say: Takes lines of progress.
        nice: Give way to other work on this machine.
        with_keda: KEDA too.

    Raises:
        ToolError: A download or a build failed.
    """
    debian.install(preflight.PACKAGES, say=say)
    tree = debian.extract(preflight.NODE_PACKAGES, DEBIAN_SET, say=say)
    binaries = _binaries(say, nice=nice)
    archive = binaries / IMAGES
    with locks.alone(
        binaries / ".images.lock", lambda: say("waiting for another making of the system's images")
    ):
        if not archive.exists():
            images.archive(_system_images(binaries), archive, platform.machine())
    added = keda.provide(binaries / "kubectl", say=say, nice=nice) if with_keda else None
    return Parts(binaries, tree, added)


def _binaries(say: Say, *, nice: bool) -> Path:
    return gobuild.built_set(recipes.NODE) or gobuild.build(recipes.NODE, say=say, nice=nice)


def _system_images(binaries: Path) -> list[images.Image]:
    programs = {
        configuration.PAUSE: "pause",
        configuration.COREDNS: "coredns",
        configuration.METRICS_SERVER: "metrics-server",
    }
    return [images.Image(reference, binaries / program) for reference, program in programs.items()]


def prebuild(*, say: Say = _log.info) -> None:
    """Packages and builds only, giving way to other work: what `up` needs, then what the road drives.

    Raises:
        ToolError: A download or a build failed.
    """
    provide(say=say, nice=True)
