"""Who pushes: buildah, podman or docker, each by its documented commands.

buildah and podman copy the blobs of a layout as they are, by way of a manifest
list, so the registry gets our very bytes; the digest that is deployed is that
of the image inside the list. docker unpacks and packs again, so that its
digest differs, while the configuration (the image ID) stays ours.

Passwords stay in the auth file: neither an argument nor a log sees them.

Source: https://github.com/containers/buildah/blob/main/docs/buildah-manifest-push.1.md,
https://docs.docker.com/reference/cli/docker/image/load/.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ekiben.clients import command, tools
from ekiben.clients.registry import Access
from ekiben.errors import ConfigError, ToolError

Name = Literal["buildah", "podman", "docker"]
_ANSWER_SECONDS = 20
_REMEDY = "install buildah (apt-get install buildah), podman, or docker and start its daemon"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is pushed, and where to.

    Attributes:
        layout: Folder of an OCI layout with one image.
        tag: Its name in the layout, and in the registry.
        destination: `host[:port]/repository`.
        access: How the registry is reached.
        room: An empty folder that goes afterwards.
        platforms: How many platforms the layout's one name is for.
    """

    layout: Path
    tag: str
    destination: str
    access: Access
    room: Path
    platforms: int = 1


class Engine(Protocol):
    """One way to push."""

    @property
    def name(self) -> str:
        """Its program."""

    def answers(self) -> bool:
        """Whether it can be used here and now."""

    def push(self, parcel: Parcel) -> None:
        """Push, skipping the blobs that the registry has.

        Raises:
            ToolError: It failed.
        """


@dataclass(frozen=True, slots=True)
class Lists:
    """buildah and podman: `manifest create`, `manifest add`, `manifest push --all`."""

    name: Literal["buildah", "podman"]

    def answers(self) -> bool:
        """Whether the program is there; it needs no daemon."""
        return _succeeds([self.name, "--version"])

    def push(self, parcel: Parcel) -> None:
        """Push our bytes as they are.

        Raises:
            ToolError: It failed.
        """
        # podman refuses a longer runroot than 50 characters, which a home's cache may have.
        with tempfile.TemporaryDirectory(prefix="ekiben-") as short:
            self._push(parcel, parcel.room, short)

    def _push(self, parcel: Parcel, room: Path, run: str) -> None:
        # A store of its own: the user's is not touched, and nothing stays.
        store = ["--root", f"{room}/root", "--runroot", run, "--storage-driver", "vfs"]
        manifest = [self.name, *store, "manifest"]
        (room / "layout").symlink_to(parcel.layout)
        command.run([*manifest, "create", "ekiben"], show=False)
        every = ["--all"] if parcel.platforms > 1 else []  # of the index that the layout's name stands for
        command.run([*manifest, "add", *every, "ekiben", f"oci:layout:{parcel.tag}"], cwd=room, show=False)
        command.run(
            [
                *manifest, "push", "--all", *_access(parcel.access, room),
                "ekiben", f"docker://{parcel.destination}:{parcel.tag}",
            ],
            cwd=room,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Docker:
    """docker: `load`, `push`."""

    name: Literal["docker"] = "docker"

    def answers(self) -> bool:
        """Whether its daemon answers."""
        return _succeeds(["docker", "version", "--format", "{{.Server.Version}}"])

    def push(self, parcel: Parcel) -> None:
        """Load into the daemon and push from there.

        Raises:
            ToolError: It failed.
        """
        archive = parcel.room / "image.tar"
        with tarfile.open(archive, "w") as tar:
            for path in sorted(parcel.layout.iterdir()):
                tar.add(path, arcname=path.name)
        command.run(["docker", "load", "--quiet", "--input", str(archive)])
        config = []
        if parcel.access.auth_file is not None:
            shutil.copyfile(parcel.access.auth_file, parcel.room / "config.json")
            config = ["--config", str(parcel.room)]
        try:
            command.run(["docker", *config, "push", "--quiet", f"{parcel.destination}:{parcel.tag}"])
        except ToolError as error:
            error.remedy = (
                "docker's daemon has its own settings: a private CA goes to "
                f"/etc/docker/certs.d/{parcel.access.host}/ca.crt, "
                f'a registry without TLS into "insecure-registries" of /etc/docker/daemon.json'
            )
            raise


# In this order: the first two keep our digest.
ENGINES: Mapping[str, Engine] = {"buildah": Lists("buildah"), "podman": Lists("podman"), "docker": Docker()}


def choose(wanted: str, *, platforms: int = 1) -> Engine:
    """The engine of that name, or with `auto` the first that answers; else buildah, installed.

    Args:
        wanted: `image.backend`.
        platforms: How many the image is for; docker loads one.

    Raises:
        ConfigError: docker was wanted for several platforms.
        ToolError: None does, and buildah cannot be installed here.
    """
    if wanted == "docker" and platforms > 1:
        raise ConfigError(
            f"image.backend: docker loads an image of one platform, image.platforms names {platforms}",
            remedy="set image.backend to buildah, podman or auto, or take one platform",
        )
    every = [engine for engine in ENGINES.values() if engine.name != "docker" or platforms == 1]
    candidates = every if wanted == "auto" else [ENGINES[wanted]]
    for engine in candidates:
        if engine.answers():
            return engine
    names = ", ".join(engine.name for engine in candidates)
    nobody = ToolError(f"expected {names} to push the image, found none that answers", remedy=_REMEDY)
    if wanted not in {"auto", "buildah"}:
        raise nobody
    try:
        tools.find("buildah")  # installs it where it can
    except ToolError as error:
        raise nobody from error
    return ENGINES["buildah"]


def _access(access: Access, room: Path) -> list[str]:
    flags = [f"--tls-verify={'false' if access.plain else 'true'}"]
    if access.auth_file is not None:
        flags += ["--authfile", str(access.auth_file.absolute())]
    if access.ca_file is not None:
        certificates = room / "certificates"
        certificates.mkdir()
        shutil.copyfile(access.ca_file, certificates / "ca.crt")
        flags += ["--cert-dir", str(certificates)]
    return flags


def _succeeds(argv: list[str]) -> bool:
    try:
        return command.run(argv, check=False, show=False, timeout_seconds=_ANSWER_SECONDS).status == 0
    except ToolError:
        return False
