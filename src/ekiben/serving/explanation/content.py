"""Content of `explanation.zip`: a plain archive of arrays and one document that says what they are."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.explanation.explained import Kind, Summary
from ekiben.serving.manifest import EXPLANATION
from ekiben.serving.predictors import archive

FORMAT = 1
GOLDEN = "golden"  # contributions of the golden rows, shape (rows, inputs, scores)
_REMEDY = "train the model again"
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What an explainer is made of.

    Attributes:
        summary: As in the manifest.
        arrays: By name; which ones there are, the explainer of this kind says.
        steps: Operations on rows before the trees, in order; the vector of number n is the array `step_n`.
    """

    summary: Summary
    arrays: Mapping[str, Array]
    steps: tuple[str, ...] = field(default=())

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the archive.

        Raises:
            ConfigError: It is of another form.
        """
        document: Any = archive.document(content, EXPLANATION)
        try:
            summary = _summary(document)
            with zipfile.ZipFile(io.BytesIO(content)) as found:
                arrays = {
                    name.removesuffix(".npy"): _array(found.read(name))
                    for name in found.namelist()
                    if name.endswith(".npy")
                }
            return cls(summary, arrays, tuple(map(str, document["steps"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{EXPLANATION}: a part is missing or unknown: {error!r}", remedy=_REMEDY
            ) from error

    def content(self) -> bytes:
        """Give the archive: the same bytes for the same arrays."""
        document = {
            "format": FORMAT,
            "kind": self.summary.kind,
            "link": self.summary.link,
            "scores": self.summary.scores,
            "steps": list(self.steps),
        }
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as made:
            made.writestr(zipfile.ZipInfo(archive.DOCUMENT), json.dumps(document, sort_keys=True))
            for name, array in sorted(self.arrays.items()):
                part = io.BytesIO()
                np.lib.format.write_array(part, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
                made.writestr(zipfile.ZipInfo(f"{name}.npy"), part.getvalue())
        return target.getvalue()

    def array(self, name: str, kind: str, *shape: int | None) -> Array:
        """Give one array, if it is what it should be.

        Args:
            name: Its name.
            kind: numpy's letter: `f` finite float64 (`e`: infinity too), `i` int64, `b` truth values.
            shape: Lengths; None is any.

        Raises:
            ConfigError: It is absent, or of another type or shape.
        """
        found = self.arrays.get(name)
        right = (
            found is not None
            and found.dtype == {"f": np.float64, "e": np.float64, "i": np.int64, "b": np.bool_}[kind]
            and found.ndim == len(shape)
            and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
            and (kind != "f" or bool(np.isfinite(found).all()))
            and (kind != "e" or not bool(np.isnan(found).any()))
        )
        if found is None or not right:
            raise ConfigError(
                f"{EXPLANATION}: expected an array {name!r} of shape {shape}, found another", remedy=_REMEDY
            )
        return found


def _summary(document: Any) -> Summary:
    if document["format"] != FORMAT or document["kind"] not in get_args(Kind):
        raise ValueError(f"expected format {FORMAT} and a kind of {', '.join(get_args(Kind))}")
    return Summary(document["kind"], str(document["link"]), int(document["scores"]))


def _array(content: bytes) -> Array:
    found: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return found
