"""From the bytes of `estimator.skops` to an estimator, by a list of types that this project fixed.

What a file asks for is never trusted because it asks: skops' own audit runs
with a fixed list, and before it every type named in the file must be
scikit-learn's, numpy's or a builtin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekiben.errors import ConfigError
from ekiben.serving.predictors import archive, trees
from ekiben.serving.predictors.trusted import TRUSTED

_PACKAGES = frozenset({"sklearn", "numpy", "builtins"})


def load(content: bytes) -> Any:
    """Build the estimator.

    Args:
        content: A skops file whose hash was verified.

    Raises:
        ConfigError: Not a skops file, or it names types outside the fixed list.
    """
    refused = sorted(_foreign(content))
    if refused:
        raise ConfigError(
            f"the estimator names types that a pod does not build: {', '.join(refused)}",
            remedy="use transformers and estimators of scikit-learn itself",
        )
    from skops import io as skops_io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        estimator = skops_io.loads(content, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ConfigError(f"the estimator holds types that are not trusted: {error}") from error
    except Exception as error:  # what is missing or out of place shows as any exception, also RecursionError
        raise ConfigError(
            f"estimator.skops: expected a whole estimator: {error!r}", remedy="train the model again"
        ) from error
    trees.check(estimator)
    return estimator


def _foreign(content: bytes) -> Iterator[str]:
    """Names of the types in the file that belong to no accepted package."""
    seen: set[str] = set()
    waiting = [archive.document(content)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__module__" in part:
                seen.add(f"{part['__module__']}.{part.get('__class__')}")
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return (name for name in seen if name.partition(".")[0] not in _PACKAGES)
