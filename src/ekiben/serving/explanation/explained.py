"""The contract of an explainer: rows in, contributions out.

The output of a model (of each score, before its link) is `base` plus the sum of a row's contributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # the manifest is read before numpy is there
    import numpy as np
    import numpy.typing as npt

Kind = Literal["linear", "trees"]
Scale = Literal["probability", "prediction", "log of the prediction", "decision function"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the manifest says of an explanation, so that it is described before it is read.

    Attributes:
        kind: What explains: coefficients, or TreeSHAP.
        link: How scores become answers; one of `outcome.LINKS`.
        scores: Scores per row; one for a regression, and for two classes with a decision function.
    """

    kind: Kind
    link: str
    scores: int

    @property
    def scale(self) -> Scale:
        """What contributions add up to."""
        scales: dict[str, Scale] = {
            "share": "probability",
            "identity": "prediction",
            "exponential": "log of the prediction",
        }
        return scales.get(self.link, "decision function")


@dataclass(slots=True)
class Explained:
    """What an explainer gives for rows.

    Attributes:
        contributions: Shape (rows, inputs, scores).
        outputs: Shape (rows, scores); computed another way than by adding contributions.
    """

    contributions: npt.NDArray[np.float64]
    outputs: npt.NDArray[np.float64]


class Explainer(Protocol):
    """Explains rows of one model; one call at a time.

    Attributes:
        base: Shape (scores,): the output where nothing of a row is known.
    """

    base: npt.NDArray[np.float64]

    def explain(self, rows: npt.NDArray[np.float64]) -> Explained:
        """Explain rows of shape (rows, inputs)."""
        ...
