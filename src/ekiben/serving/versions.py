"""Versions that decide whether a form of an estimator means here what it meant where it was proven.

Source: https://scikit-learn.org/stable/model_persistence.html#security-maintainability-limitations
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Form

# What answers, and therefore must be the same down to the minor version. skops only reads.
_NEEDED: Mapping[Form, tuple[str, ...]] = {
    "folded": ("numpy",),
    "onnx": ("numpy", "onnxruntime"),
    "scikit-learn": ("python", "numpy", "scikit-learn"),
}
_RECORDED = ("numpy", "onnxruntime", "scikit-learn", "skops")


def here() -> dict[str, str]:
    """Versions, here and now, of all that a form may need."""
    return {name: _found(name) for name in ("python", *_RECORDED)}


def require(form: Form, trained: Any, folder: Path) -> None:
    """Refuse a form that other versions made; only what this form needs is looked at.

    Args:
        form: The one that shall answer.
        trained: Versions by name, from the manifest.
        folder: The artefact's, for messages.

    Raises:
        ConfigError: A version differs in its major or minor number, or is absent.
    """
    wrong = []
    for name in _NEEDED[form]:
        expected = str(trained.get(name)) if isinstance(trained, dict) else "unknown"
        found = _found(name)
        if _minor(expected) != _minor(found):
            wrong.append(f"{name}: trained with {expected}, found {found}")
    if wrong:
        raise ConfigError(
            f"{folder}: made with other versions; {'; '.join(wrong)}",
            remedy="train the model with the versions that the pod has, or install the versions it was "
            "trained with",
        )


def _found(name: str) -> str:
    if name == "python":
        return ".".join(platform.python_version_tuple()[:2])
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
