"""The files of one folder, each opened once and only if it is a plain file.

The folder is opened first and everything else relative to it, so that a link
or another folder put in its place later is not followed. What is hashed is
what is used: both come from one reading of one open file.

Source: open(2) (O_NOFOLLOW, O_NONBLOCK: a fifo would block), openat(2) on races between path and use.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekiben.errors import ConfigError

MOST_DOCUMENT_BYTES = 16 << 20  # of what the pod parses
MOST_FILE_BYTES = (
    0x7FFF_F000 - 16
)  # what one read(2) gives on Linux, and one call of AES-GCM takes, with a tag
_BLOCK_BYTES = 1 << 18
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REMEDY = "give the folder of an artefact as `ekiben train` or the image holds it"


class Folder:
    """An open folder.

    Args:
        path: Where it is; its last part must be no link.

    Raises:
        ConfigError: It is absent, a link, or no folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, _FLAGS | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigError(
                f"expected the folder of an artefact in {path}, no link: {error.strerror}", remedy=_REMEDY
            ) from error

    def close(self) -> None:
        """Close it; files cannot be read any more."""
        os.close(self._descriptor)

    def names(self) -> frozenset[str]:
        """Names of everything in it."""
        return frozenset(os.listdir(self._descriptor))  # noqa: PTH208 - of the open folder

    def content(self, name: str, most_bytes: int = MOST_DOCUMENT_BYTES) -> bytes:
        """Read a file whole.

        Raises:
            ConfigError: It is absent, no plain file, or longer than allowed.
        """
        with self._opened(name, most_bytes) as (descriptor, size):
            content = os.read(descriptor, size + 1)
        if len(content) != size:
            raise ConfigError(f"{self.path}: {name} changed while it was read", remedy=_REMEDY)
        return content

    def blocks(self, name: str, most_bytes: int = MOST_FILE_BYTES) -> Iterator[memoryview]:
        """Read a file in blocks that stay in the processor's cache; each is valid until the next is taken.

        Of 100 MB, hashing and decrypting it block by block takes 108 ms, as a whole 191 ms (measured, one
        core): most of the difference is memory that is touched for the first time.

        Raises:
            ConfigError: As `content`.
        """
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        with self._opened(name, most_bytes) as (descriptor, size):
            read = 0
            while count := os.readv(descriptor, [buffer]):
                read += count
                if read > size:
                    break
                yield buffer[:count]
        if read != size:
            raise ConfigError(f"{self.path}: {name} changed while it was read", remedy=_REMEDY)

    def sha256(self, name: str, most_bytes: int = MOST_FILE_BYTES) -> str:
        """Hash a file without holding it; hex digits.

        Raises:
            ConfigError: As `content`.
        """
        with self._opened(name, most_bytes) as (descriptor, _), io.FileIO(descriptor, closefd=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def _opened(self, name: str, most_bytes: int) -> Iterator[tuple[int, int]]:
        """Descriptor and length of a plain file."""
        try:
            descriptor = os.open(name, _FLAGS, dir_fd=self._descriptor)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self.path}: expected the file {name}, no link: {getattr(error, 'strerror', error)}",
                remedy=_REMEDY,
            ) from error
        try:
            found = os.fstat(descriptor)
            # A second name is no harm, and stores that share files between images give one:
            # what is hashed is what is used.
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(
                    f"{self.path}: expected {name} as a plain file, found {stat.filemode(found.st_mode)}",
                    remedy=_REMEDY,
                )
            if found.st_size > most_bytes:
                raise self._too_long(name, most_bytes)
            yield descriptor, found.st_size
        finally:
            os.close(descriptor)

    def _too_long(self, name: str, most_bytes: int) -> ConfigError:
        return ConfigError(
            f"{self.path}: expected {name} of at most {most_bytes} bytes, found more", remedy=_REMEDY
        )
