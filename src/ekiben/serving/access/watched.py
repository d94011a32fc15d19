"""Files and addresses that change while the pod runs; what is wrong never replaces what was right."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from ekiben.errors import ConfigError

Content = TypeVar("Content")
REFRESH_SECONDS = 300.0  # between looks at an address
AGAIN_SECONDS = 60.0  # after one that failed, and after a token with an unknown key: no more often
FIRST_SECONDS = 1.0  # after the first failure of an address that never answered; twice as long each time
FETCH_SECONDS = 3.0  # longest wait for an address
_LOG = logging.getLogger(__name__)


class WatchedFile(Generic[Content]):
    """A file that Kubernetes replaces by moving a symbolic link of its folder.

    Args:
        path: May not exist (yet, or any more): its content is then `absent`.
        parse: Reads it; raises `ConfigError`.
        absent: What there is without the file.
        strict: Refuse a file that is wrong from the beginning; else it counts as absent.

    Attributes:
        content: What was last read without an error.

    Raises:
        ConfigError: `strict`, and the file is wrong.

    Source: k8s.io/kubernetes/pkg/volume/util/atomic_writer.go (`..data`)
    """

    def __init__(
        self, path: Path, parse: Callable[[bytes], Content], absent: Content, *, strict: bool = True
    ) -> None:
        self._path, self._parse, self._absent = path, parse, absent
        self._seen: tuple[int, ...] | None = None
        self.content = absent
        if strict:
            self._seen, self.content = _look(path), self._read()
        else:
            self.refresh()

    def refresh(self) -> bool:
        """Read it again if it was replaced.

        Returns:
            Whether the content is another now.
        """
        seen = _look(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            found = self._read()
        except ConfigError as error:
            _LOG.error("%s; what was read before stays in force; %s", error, error.remedy)
            return False
        changed = found != self.content
        self.content = found
        if changed:
            _LOG.info("%s was read again", self._path.name)
        return changed

    def _read(self) -> Content:
        try:
            return self._parse(self._path.read_bytes())
        except FileNotFoundError:
            return self._absent
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read: {error.strerror}") from error


class WatchedAddress(Generic[Content]):
    """An address that is asked now and then, never for a request, and not before the first `refresh`.

    Args:
        url: Where.
        parse: Reads what is there; raises `ConfigError`.
        absent: What there is until it was fetched once.
        fetch: Gets it; raises `OSError`.
        clock: Monotonic seconds.

    Attributes:
        content: What was last fetched and read without an error.
        tried: Whether it was asked, with whatever end.
    """

    def __init__(
        self,
        url: str,
        parse: Callable[[bytes], Content],
        absent: Content,
        *,
        fetch: Callable[[str, float], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._url, self._parse = url, parse
        self._fetch, self._clock = fetch, clock
        self._due, self._wait = -math.inf, FIRST_SECONDS
        self._asked = -math.inf
        self._fetched = self.tried = False
        self.content = absent

    def refresh(self, *, wanted: bool = False) -> bool:
        """Ask again when it is time.

        Args:
            wanted: Somebody has reason to think that it has changed.

        Returns:
            Whether the content is another now.
        """
        due = min(self._due, self._asked + AGAIN_SECONDS) if wanted else self._due
        return self._clock() >= due and self._ask()

    def _ask(self) -> bool:
        self._asked = self._clock()
        try:
            found = self._parse(self._fetch(self._url, FETCH_SECONDS))
        except (OSError, ValueError, ConfigError) as error:
            self._failed(error)
            return False
        finally:
            self.tried = True
        if not self._fetched:
            _LOG.info("%s: fetched", self._url)
        self._due, self._fetched = self._asked + REFRESH_SECONDS, True
        changed, self.content = found != self.content, found
        return changed

    def _failed(self, error: Exception) -> None:
        wait = AGAIN_SECONDS if self._fetched else self._wait
        self._wait = min(2 * self._wait, AGAIN_SECONDS)
        self._due = self._asked + wait
        rest = "what was fetched before stays in force" if self._fetched else "nothing was fetched yet"
        _LOG.error("%s: %s; %s; asking again in %g s", self._url, error, rest, wait)


def _look(path: Path) -> tuple[int, ...]:
    """What tells one file from its successor."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
