"""What is served, for those who describe it: nothing of HTTP, nothing of the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ekiben.serving.artefact import Artefact
from ekiben.serving.explanation.explained import Summary
from ekiben.serving.golden import Golden
from ekiben.serving.schema import Schema


@dataclass(frozen=True, slots=True)
class Served:
    """One version of one model.

    Attributes:
        name: The model's name; part of paths.
        version: First 16 hex digits of the artefact hash; part of paths.
        sha256: The artefact hash.
        schema: Inputs and output.
        golden: Rows with known answers; the examples of the documentation.
        explanation: What explains predictions; None where nothing does.
    """

    name: str
    version: str
    sha256: str
    schema: Schema
    golden: Golden
    explanation: Summary | None = None

    @classmethod
    def of(cls, artefact: Artefact, *, explain: bool = False) -> Self:
        """Take from an artefact what its clients may know.

        Args:
            artefact: Verified.
            explain: Whether explanations are served, if it has what they need.
        """
        return cls(
            artefact.name,
            artefact.version,
            artefact.sha256,
            artefact.schema,
            artefact.golden,
            artefact.explanation if explain else None,
        )
