"""Every error that ekiben raises on purpose, each with its exit code.

    EkibenError
    ├── ConfigError       2    usage, ekiben.yaml, values, an unknown model
    ├── ToolError         3    a program is missing or failed (argv, status, last lines)
    ├── ClusterError      4    the cluster refused, or was not ready in time
    ├── NoDataError       5    no metrics, or no sample where one is needed
    ├── AcceptanceError   6    the estimator missed its criterion, or parity failed
    └── RolledBackError   7    a release failed its verification and was undone

The message says what was expected, what was found and what to do next. Exit
code 1 is kept for our own bugs (any other exception), 130 for an interrupt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class EkibenError(Exception):
    """Base of all expected errors.

    Attributes:
        exit_code: Status of the process when this error ends it.
        remedy: What the reader can do next; empty if the message says it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(EkibenError):
    """Usage, `ekiben.yaml` or chart values are wrong."""

    exit_code = 2


class ToolError(EkibenError):
    """A program is missing, or ended with an error.

    Attributes:
        argv: The command as it was run; empty if the program was not found.
        status: Its exit status; None if it never ran or was timed out.
        last_lines: The end of what it printed.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        argv: Sequence[str] = (),
        status: int | None = None,
        last_lines: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.argv = tuple(argv)
        self.status = status
        self.last_lines = last_lines


class ClusterError(EkibenError):
    """The cluster refused, or was not ready in time.

    Attributes:
        status: HTTP status of the API server's refusal; None if it was not reached or refused nothing.
    """

    exit_code = 4

    def __init__(self, message: str, *, status: int | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class NoDataError(EkibenError):
    """Metrics are absent or ambiguous where a number is needed."""

    exit_code = 5


class AcceptanceError(EkibenError):
    """The estimator missed its acceptance criterion, or parity failed."""

    exit_code = 6


class RolledBackError(EkibenError):
    """A release failed a check and was undone; the previous revision serves.

    Attributes:
        check: Name of the check that failed.
    """

    exit_code = 7

    def __init__(self, message: str, *, check: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.check = check
