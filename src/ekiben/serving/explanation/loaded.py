"""From a verified artefact to what explains its predictions; only what its kind needs is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving.explanation.additivity import TOLERANCE, Additivity
from ekiben.serving.explanation.content import GOLDEN, Content
from ekiben.serving.explanation.explained import Explainer
from ekiben.serving.manifest import EXPLANATION

if TYPE_CHECKING:
    import numpy.typing as npt

    from ekiben.serving.artefact import Artefact
    from ekiben.serving.predictor import Predictor


def explainer_of(content: Content, width: int) -> Explainer:
    """Build the explainer of a kind.

    Args:
        content: Of `explanation.zip`.
        width: Inputs of the model.

    Raises:
        ConfigError: The content is not that of this kind, or its library is not here.
    """
    if content.summary.kind == "linear":
        from ekiben.serving.explanation.linear import LinearExplainer

        return LinearExplainer(content, width)
    from ekiben.serving.explanation.trees import TreeExplainer

    return TreeExplainer(content, width)


def load(artefact: Artefact, predictor: Predictor) -> tuple[Explainer, Additivity]:
    """Build what explains an artefact's predictions, and prove it on the golden rows.

    Args:
        artefact: Verified; with an explanation.
        predictor: What answers in this pod.

    Raises:
        ConfigError: The file does not hold what it should, or a library is not here.
        AcceptanceError: A golden row does not add up, or has other contributions than it had when trained.
    """
    content = Content.parse(artefact.content(EXPLANATION))
    if content.summary != artefact.explanation:
        raise ConfigError(
            f"{EXPLANATION} is not what the manifest says of it", remedy="train the model again"
        )
    names = [each.name for each in artefact.schema.inputs]
    explainer = explainer_of(content, len(names))
    additivity = Additivity(explainer.base, content.summary.link, artefact.schema.output)
    rows = _golden_rows(artefact, names)
    explained = explainer.explain(rows)
    shape = (len(rows), len(names), content.summary.scores)
    expected = content.array(GOLDEN, "f", *shape)
    near = np.abs(explained.contributions - expected) <= TOLERANCE * np.maximum(1, np.abs(expected))
    right = additivity.right(explained, predictor.predict(rows)) & near.all(axis=(1, 2))
    if not right.all():
        raise AcceptanceError(
            f"{int((~right).sum())} of {len(rows)} golden rows are not explained as they were when the model "
            f"was trained (first: row {int(np.flatnonzero(~right)[0])})",
            remedy="train and build the model again; this image must not explain",
        )
    return explainer, additivity


def _golden_rows(artefact: Artefact, names: list[str]) -> npt.NDArray[np.float64]:
    """Golden rows as the explainer takes them; a missing value is NaN, or what the schema says."""
    fill = {each.name: np.nan if each.default is None else each.default for each in artefact.schema.inputs}
    return np.array(
        [
            [fill[name] if row[name] is None else row[name] for name in names]
            for row in artefact.golden.instances
        ],
        dtype=np.float64,
    )
