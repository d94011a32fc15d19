"""What is served, for those who describe it: nothing of HTTP, nothing of the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ekiben.serving.artefact import Artefact
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
    """

    name: str
    version: str
    sha256: str
    schema: Schema
    golden: Golden

    @classmethod
    def of(cls, artefact: Artefact) -> Self:
        """Take from an artefact what its clients may know."""
        return cls(artefact.name, artefact.version, artefact.sha256, artefact.schema, artefact.golden)
