"""What goes into a layer, as a sorted list of entries: pure, but for the walk over a folder.

Owner, time and umask of this machine never get in: files are 0644 or 0755,
owned by root, dated at the epoch.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from ekiben.errors import ConfigError

_EXECUTABLE = 0o755
_PLAIN = 0o644


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or symbolic link of an image.

    Attributes:
        path: Place in the image, without leading slash.
        kind: What it is.
        mode: Permission bits.
        content: Of a file: its bytes, or the file of this machine that holds them.
        target: Where a link points.
    """

    path: str
    kind: Literal["file", "folder", "link"]
    mode: int
    content: Path | bytes = b""
    target: str = ""


def file(path: str, content: bytes, *, mode: int = _PLAIN) -> Entry:
    """A file with these bytes."""
    return Entry(path, "file", mode, content)


def folder(path: str, *, mode: int = _EXECUTABLE) -> Entry:
    """An empty folder."""
    return Entry(path, "folder", mode)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, "link", 0o777, target=target)


def walk(source: Path, prefix: str, *, keep: Callable[[str], bool] = lambda _: True) -> Iterator[Entry]:
    """All below a folder of this machine, placed below `prefix`.

    Args:
        source: Folder to read.
        prefix: Its place in the image, without slashes at its ends; empty is the root.
        keep: Asked with each path relative to `source`; a folder that is refused takes its content along.

    Raises:
        ConfigError: Something that is neither file, folder nor link.
    """
    for path in sorted(source.iterdir()):
        yield from _walk(path, source, prefix, keep)


def _walk(path: Path, source: Path, prefix: str, keep: Callable[[str], bool]) -> Iterator[Entry]:
    relative = path.relative_to(source).as_posix()
    if not keep(relative):
        return
    place = f"{prefix}/{relative}" if prefix else relative
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield link(place, path.readlink().as_posix())
    elif stat.S_ISDIR(mode):
        yield folder(place)
        for child in sorted(path.iterdir()):
            yield from _walk(child, source, prefix, keep)
    elif stat.S_ISREG(mode):
        yield Entry(place, "file", _EXECUTABLE if mode & stat.S_IXUSR else _PLAIN, path)
    else:
        raise ConfigError(
            f"{path}: expected a file, a folder or a link, found a socket, pipe or device",
            remedy="remove it, or leave it out of what is packed",
        )


def whole(entries: Iterable[Entry]) -> list[Entry]:
    """Sort, and add the parents that nobody named, so that a layer stands on its own.

    Raises:
        ConfigError: Two entries claim one path, and differ.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        before = found.setdefault(entry.path, entry)
        if before != entry:
            raise ConfigError(f"two different things want the path /{entry.path} of the image")
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            name = parent.as_posix()
            if name != ".":
                found.setdefault(name, folder(name))
    return [found[path] for path in sorted(found, key=lambda path: path.split("/"))]
