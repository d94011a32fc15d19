"""What the pod of a load test says: a line of JSON at a time, marked, any other line is just a log."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError, EkibenError
from ekiben.scale.load.measurement import LoadMeasurement
from ekiben.scale.load.progress import Progress

_PROGRESS, _RESULT, _REFUSAL = "ekiben-load-progress ", "ekiben-load-result ", "ekiben-load-refusal "


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the pod measured nothing.

    Attributes:
        kind: Name of the error's class, e.g. `ConfigError`.
        message: Of the error.
        remedy: Of the error.
    """

    kind: str
    message: str
    remedy: str = ""


def progress(found: Progress) -> str:
    """Write how far the load is."""
    return _PROGRESS + _json(dataclasses.asdict(found))


def result(found: LoadMeasurement) -> str:
    """Write what the load measured."""
    return _RESULT + _json(found.to_json())


def refusal(error: EkibenError) -> str:
    """Write why there is no measurement."""
    return _REFUSAL + _json(dataclasses.asdict(Refusal(type(error).__name__, str(error), error.remedy)))


def read(line: str) -> Progress | LoadMeasurement | Refusal | None:
    """Read a line; None if it is none of these, e.g. a warning of a library.

    Raises:
        ConfigError: It is marked, and is not what the mark says, e.g. because a part of it is missing.
    """
    try:
        if line.startswith(_PROGRESS):
            return Progress(**json.loads(line.removeprefix(_PROGRESS)))
        if line.startswith(_REFUSAL):
            return Refusal(**json.loads(line.removeprefix(_REFUSAL)))
        if line.startswith(_RESULT):
            return LoadMeasurement.from_json(json.loads(line.removeprefix(_RESULT)))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"expected a whole line of the load's pod, found {line[:80]!r} and no end that fits: {error}",
            remedy="the log of the pod was cut: send the load again",
        ) from error
    return None


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
