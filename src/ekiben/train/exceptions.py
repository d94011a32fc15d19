"""What the user's own code raises, as an error with its traceback and without ekiben's lines above it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ekiben.artefact.installed import is_own
from ekiben.errors import ConfigError, EkibenError

OWN = "correct what the lines above point at: they are the model's own"


@contextmanager
def told(source: str) -> Iterator[None]:
    """Let what the user's own code raises become an error with its traceback; all else passes.

    Args:
        source: Where the code is from, for messages.

    Raises:
        ConfigError: A line of the user's own code took part.
    """
    try:
        yield
    except EkibenError:
        raise
    except Exception as error:
        if not own_lines(error):
            raise
        raise raised(error, source) from error


def raised(error: BaseException, source: str) -> ConfigError:
    """Give the error that says what the user's code raised, and where."""
    return ConfigError(f"{source} raised {type(error).__name__}: {text(error)}", remedy=OWN)


def text(error: BaseException) -> str:
    """What an exception says; with the traceback where a line of the user's own code took part."""
    return "\n".join([str(error), *(f"  | {line}" for line in own_lines(error))])


def own_lines(error: BaseException) -> list[str]:
    """Lines of the traceback from the user's first line on; none where only packages took part."""
    found = traceback.TracebackException.from_exception(error)
    frames = list(found.stack)
    first = next((at for at, each in enumerate(frames) if is_own(each.filename)), len(frames))
    # An import of the user's own passes through lines of Python's import system, which say nothing.
    kept = [each for each in frames[first:] if not each.filename.startswith("<frozen")]
    found.stack = traceback.StackSummary.from_list(kept)
    if kept:
        return "".join(found.format()).splitlines()
    unread = isinstance(error, SyntaxError) and is_own(error.filename or "<")
    return "".join(found.format_exception_only()).splitlines() if unread else []
