"""What a release must answer: the artefact's golden rows. Pure but for `read`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag

_ZERO_TOLERANCE = 1e-12  # a relative tolerance says nothing about an expected 0
_FORMATS = (2, 3)  # what this part of a manifest is the same in


@dataclass(frozen=True, slots=True)
class Golden:
    """Rows and the answers that they must give.

    Attributes:
        instances: Rows, as `/predict` takes them.
        predictions: One answer per row.
        probabilities: One list per row; None if the model gives none.
        relative_tolerance: For numbers; labels are compared exactly.
    """

    instances: tuple[Any, ...]
    predictions: tuple[Any, ...]
    probabilities: tuple[Any, ...] | None
    relative_tolerance: float

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Golden:
        """Read the content of `golden.json`."""
        probabilities = document.get("probabilities")
        return cls(
            tuple(document["instances"]),
            tuple(document["predictions"]),
            None if probabilities is None else tuple(probabilities),
            float(document["relative_tolerance"]),
        )

    def document(self) -> dict[str, Any]:
        """Return the content of `golden.json`."""
        probabilities = self.probabilities
        return {
            "instances": list(self.instances),
            "predictions": list(self.predictions),
            "probabilities": None if probabilities is None else list(probabilities),
            "relative_tolerance": self.relative_tolerance,
        }

    def first(self, rows: int) -> Golden:
        """Return the first rows only."""
        probabilities = None if self.probabilities is None else self.probabilities[:rows]
        return Golden(self.instances[:rows], self.predictions[:rows], probabilities, self.relative_tolerance)

    def difference(self, answer: Any) -> str:
        """Compare an answer of `/predict`.

        Returns:
            Where it differs first, in words; empty if every answer is right.
        """
        if not isinstance(answer, Mapping):
            return f"expected an object with predictions, found {type(answer).__name__}"
        for key, expected in (("predictions", self.predictions), ("probabilities", self.probabilities)):
            if expected is None:
                continue
            found = answer.get(key)
            if not isinstance(found, list) or len(found) != len(expected):
                return f"expected {len(expected)} {key}, found {_short(found)}"
            for row, (right, given) in enumerate(zip(expected, found, strict=True)):
                if not _same(right, given, self.relative_tolerance):
                    return f"row {row}: expected {key} {_short(right)}, found {_short(given)}"
        return ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a release of one artefact must show.

    Attributes:
        model: Tag of the model; its version is the start of the hash.
        artefact_sha256: `sha256:...` of the artefact's manifest.
        golden: Rows and their answers.
    """

    model: ModelTag
    artefact_sha256: str
    golden: Golden


def read(folder: Path) -> Expected:
    """Read an artefact's folder.

    Raises:
        ConfigError: It is none, of another format, or its golden rows were changed after it was written.
    """
    try:
        manifest_bytes = (folder / "manifest.json").read_bytes()
        manifest, golden_bytes = json.loads(manifest_bytes), (folder / "golden.json").read_bytes()
        found, listed = hashlib.sha256(golden_bytes).hexdigest(), manifest["files"]["golden.json"]
        if manifest["format"] not in _FORMATS:
            raise ConfigError(f"{folder}: expected artefact format 2 or 3, found {manifest['format']}")
        if found != listed.removeprefix("sha256:"):
            raise ConfigError(
                f"{folder}/golden.json: expected sha256 {listed}, found {found}: it was changed",
                remedy="train again: ekiben train",
            )
        digest = hashlib.sha256(manifest_bytes).hexdigest()
        tag = ModelTag(manifest["name"], digest[:16])
        return Expected(tag, f"sha256:{digest}", Golden.of(json.loads(golden_bytes)))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{folder}: expected a model artefact, found {error!r}", remedy="train the model: ekiben train"
        ) from error


def _same(expected: Any, found: Any, tolerance: float) -> bool:
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_same(one, other, tolerance) for one, other in zip(expected, found, strict=True))
        )
    if isinstance(expected, float) and isinstance(found, float | int) and not isinstance(found, bool):
        return math.isclose(expected, found, rel_tol=tolerance, abs_tol=_ZERO_TOLERANCE)
    return type(expected) is type(found) and bool(expected == found)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 120 else text[:117] + "..."  # noqa: PLR2004  # one line of a terminal
