"""The only place of a pod that unpickles, and the condition under which it does.

Source: https://docs.python.org/3/library/pickle.html ("It is possible to construct malicious pickle data
which will execute arbitrary code during unpickling").
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ekiben.errors import ConfigError
from ekiben.serving.predictors import trees

if TYPE_CHECKING:
    from ekiben.serving.artefact import Artefact


def load(artefact: Artefact, name: str) -> Any:
    """Build the estimator from a pickle or joblib file.

    Args:
        artefact: Verified.
        name: Of the file.

    Raises:
        ConfigError: Signature or policy do not allow it, or the file cannot be read.
    """
    if not artefact.may_unpickle:
        raise ConfigError(
            f"{name}: reading it runs what its writer wants; expected a verified signature and leave to "
            "unpickle, found less",
            remedy="serve another form, train with bento.formats: [skops], or sign the artefact and set "
            "seal.signers and seal.allowPickle in the chart's values",
        )
    import joblib

    try:
        estimator = joblib.load(io.BytesIO(artefact.content(name)))  # it reads plain pickles too
        trees.check(estimator)
    except ConfigError:
        raise
    except Exception as error:  # a pickle may raise anything
        raise ConfigError(
            f"{name}: cannot be read: {error!r}",
            remedy="the pod needs every package that the estimator is of; or use bento.formats: [skops]",
        ) from error
    return estimator
