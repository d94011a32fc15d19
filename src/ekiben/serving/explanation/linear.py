"""Linear models: what a column contributes is its coefficient times its distance from the background.

Source: Strumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
contributions, section 3 (an additive model); the background is the mean of the rows that the model was
fitted on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ekiben.serving.explanation.content import Content
from ekiben.serving.explanation.explained import Explained

COEFFICIENTS, INTERCEPTS, BACKGROUND = "coefficients", "intercepts", "background"
Floats = npt.NDArray[np.float64]


class LinearExplainer:
    """coefficient x (value - background), in units of the score.

    Args:
        content: Of the artefact.
        width: Inputs of the model.

    Raises:
        ConfigError: The arrays are not those of a linear model of this width.
    """

    def __init__(self, content: Content, width: int) -> None:
        scores = content.summary.scores
        self._coefficients = content.array(COEFFICIENTS, "f", scores, width)
        self._intercepts = content.array(INTERCEPTS, "f", scores)
        self._background = content.array(BACKGROUND, "f", width)
        self.base: Floats = self._coefficients @ self._background + self._intercepts

    def explain(self, rows: Floats) -> Explained:
        """Explain rows of shape (rows, inputs)."""
        away = rows - self._background
        contributions = away[:, :, None] * self._coefficients.T[None, :, :]
        return Explained(contributions, rows @ self._coefficients.T + self._intercepts)
