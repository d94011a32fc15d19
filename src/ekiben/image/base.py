"""The oldest layer: Debian's Python and what it needs, and nothing that only installs things.

mmdebstrap resolves and downloads the packages, and apt checks their signatures.
They are unpacked, not installed: no maintainer script runs, so neither a
chroot nor root is needed, and no shell, perl or dpkg gets in.

Source: https://manpages.debian.org/bookworm/mmdebstrap/mmdebstrap.1.en.html (variant extract).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ekiben.clients import command, tools
from ekiben.errors import ToolError
from ekiben.image import platforms, python, tree
from ekiben.image.blobs import Blobs, Made
from ekiben.image.layer import Layer
from ekiben.image.platforms import Platform
from ekiben.image.sbom import Component, from_control

_log = logging.getLogger(__name__)

_NAME = "base"
_OLD_DAYS, _DAY_SECONDS = 30, 86_400  # Debian's point releases are two months apart, security updates days
_RECIPE = 2  # raise it when the code below changes what comes out
_SUITE = "bookworm"
_PACKAGES = (
    "base-files", "ca-certificates", "libc6", "libgcc-s1", "libgomp1", "libstdc++6",
    f"libpython{python.MINOR}-stdlib", f"python{python.MINOR}-minimal", "media-types", "netbase", "tzdata",
)  # fmt: skip
# Dependencies of scripts that never run here, and of Python's `nis`, which is gone from Python 3.13.
_UNUSED = frozenset(
    {
        "debconf", "dpkg", "gcc-12-base", "libacl1", "libcom-err2", "libgssapi-krb5-2", "libk5crypto3",
        "libkeyutils1", "libkrb5-3", "libkrb5support0", "libmd0", "libnsl2", "libpcre2-8-0",
        "libselinux1", "libtirpc-common", "libtirpc3", "libzstd1", "mawk", "openssl",
        "python3-minimal", "readline-common", "tar",
    }
)  # fmt: skip
_UNUSED_PATHS = (
    "etc/default", "etc/update-motd.d", "lib/systemd", "usr/lib/mime", "usr/lib/python3",
    f"usr/lib/python{python.MINOR}/lib2to3", f"usr/lib/python{python.MINOR}/pydoc_data", "usr/lib/valgrind",
    "usr/lib/{triplet}/gconv", "usr/sbin/update-ca-certificates", "usr/share/applications",
    "usr/share/bash-completion", "usr/share/binfmts", "usr/share/bug", "usr/share/gcc", "usr/share/gdb",
    "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man", "usr/share/pixmaps",
)  # fmt: skip
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_USERS = (
    "root:x:0:0:root:/:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
    "ekiben:x:10001:10001:ekiben:/tmp:/sbin/nologin\n"
)
_GROUPS = "root:x:0:\nnogroup:x:65534:\nekiben:x:10001:\n"
_EMPTY = ("dev", "proc", "run", "sys", "var/tmp")


def build(blobs: Blobs, platform: Platform) -> Layer:
    """The base layer, from the cache or new.

    Args:
        blobs: The cache.
        platform: What it is for.

    Raises:
        ToolError: mmdebstrap is missing, or failed.
        ConfigError: No image can be made on this machine.
    """
    key, ours = _key(platform), platforms.here()
    _say_if_old(blobs.made_at(_NAME, key), platform)
    other = build(blobs, ours) if platform != ours else None  # its Python runs here

    with blobs.room() as room:
        return blobs.layer(
            _NAME, key, lambda: _make(room, platform, blobs.path(other.digest) if other else None)
        )


def forget(blobs: Blobs, platform: Platform) -> None:
    """Have the next build take what Debian gives then: its updates are no input that a key could name.

    Args:
        blobs: The cache.
        platform: What the base is for; that of this machine, whose Python runs, is forgotten too.
    """
    for each in {platform, platforms.here()}:
        blobs.forget(_NAME, _key(each))


def _key(platform: Platform) -> str:
    recipe = (_RECIPE, _SUITE, _PACKAGES, sorted(_UNUSED), _unused_paths(platform), _USERS, _GROUPS)
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:32]  # a path names the platform


def _say_if_old(made_at: float | None, platform: Platform) -> None:
    days = 0.0 if made_at is None else (time.time() - made_at) / _DAY_SECONDS
    if days > _OLD_DAYS:
        _log.warning(
            "base: the one for %s was made %d days ago; Debian's updates since then are not in it "
            "(ekiben image MODEL --renew-base)", platform.name, days,
        )  # fmt: skip


def _unused_paths(platform: Platform) -> tuple[str, ...]:
    return tuple(path.format(triplet=platform.triplet) for path in _UNUSED_PATHS)


def _make(room: Path, platform: Platform, runs_here: Path | None) -> Made:
    """Make it; `runs_here` is a base whose Python writes the bytecode, None for its own."""
    mmdebstrap = _mmdebstrap()
    _log.info(
        "base: Debian %s for %s and Python %s, unpacked by mmdebstrap (about 10 s)",
        _SUITE,
        platform.name,
        python.MINOR,
    )
    packages, root = room / "packages", room / "root"
    packages.mkdir()
    (room / "control").mkdir()
    command.run(
        [
            str(mmdebstrap), "--variant=extract", f"--architectures={platform.architecture}", "--format=null",
            f"--include={','.join(_PACKAGES)}", f"--extract-hook=copy-out /var/cache/apt/archives {packages}",
            _SUITE, "-",
        ],
        env={"SOURCE_DATE_EPOCH": "0"},
    )  # fmt: skip
    components = _unpack(sorted(packages.glob("**/*.deb")), root, room / "control")
    for path in (*_unused_paths(platform), *_undocumented(root)):
        _remove(root / path)
    _list_files(root)
    (root / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
    (root / CERTIFICATES).write_bytes(_bundle(root / "usr/share/ca-certificates"))
    (root / "usr/bin/python3").symlink_to(f"python{python.MINOR}")
    library = f"usr/lib/python{python.MINOR}"
    with contextlib.ExitStack() as stack:
        (room / "other").mkdir()
        runs = stack.enter_context(python.unpacked(runs_here, room / "other")) if runs_here else root
        ours = platforms.here()
        python.compile_all(python.of_root(runs, ours), root / library, f"/{library}")
    return Made([*_own(), *tree.walk(root, "", keep=lambda path: path not in _OWN)], components)


def _mmdebstrap() -> Path:
    try:
        return tools.find("mmdebstrap")
    except ToolError as error:
        error.remedy = f"{error.remedy}; or name a base image as image.base".removeprefix("; ")
        raise


def _unpack(archives: list[Path], root: Path, control_files: Path) -> list[Component]:
    """Unpack what is used; its control stanza and list of files stay, where scanners of images look."""
    components = []
    for archive in archives:
        control = command.run(["dpkg-deb", "--field", str(archive)], show=False).stdout
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        component = from_control(control, sha256)
        if component.name in _UNUSED:
            continue
        command.run(["dpkg-deb", "--extract", str(archive), str(root)], show=False)
        status = root / "var/lib/dpkg/status.d" / component.name
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_text(control)
        command.run(["dpkg-deb", "--control", str(archive), str(control_files / component.name)], show=False)
        sums = control_files / component.name / "md5sums"
        status.with_name(f"{component.name}.md5sums").write_text(sums.read_text() if sums.exists() else "")
        components.append(component)
    return components


def _list_files(root: Path) -> None:
    """Keep of the packages' lists of files what is there."""
    for sums in (root / "var/lib/dpkg/status.d").glob("*.md5sums"):
        lines = sums.read_text().splitlines()
        there = [line for line in lines if (root / line.partition("  ")[2]).is_file()]
        sums.write_text("".join(f"{line}\n" for line in sorted(there)))


def _undocumented(root: Path) -> Iterator[str]:
    """Documentation, but for the copyright files that the licences ask for."""
    for path in sorted((root / "usr/share/doc").rglob("*")):
        if not path.is_dir() and path.name != "copyright":
            yield path.relative_to(root).as_posix()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _bundle(folder: Path) -> bytes:
    """What update-ca-certificates would write: every CA that Debian trusts, in one file."""
    return b"".join(path.read_bytes().rstrip(b"\n") + b"\n" for path in sorted(folder.rglob("*.crt")))


_OWN = frozenset({"etc/passwd", "etc/group", "tmp", *_EMPTY})


def _own() -> Iterator[tree.Entry]:
    yield tree.file("etc/passwd", _USERS.encode())
    yield tree.file("etc/group", _GROUPS.encode())
    yield tree.folder("tmp", mode=0o1777)
    yield from (tree.folder(path) for path in _EMPTY)
