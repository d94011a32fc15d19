"""Which code is the user's own: neither Python's, nor ekiben's, nor of an installed package."""

from __future__ import annotations

import importlib.util
import io
import pickle
import sysconfig
from pathlib import Path
from types import FunctionType
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def is_own(filename: str) -> bool:
    """Whether a file of Python code is the user's own."""
    if filename.startswith("<"):
        return False
    path = Path(filename)
    if path.is_relative_to(_PACKAGE) or _INSTALLED & set(path.parts):
        return False
    return not path.is_relative_to(sysconfig.get_path("stdlib"))


def own_modules(estimator: Any) -> list[str]:
    """Names of the user's own modules that a pickle of an estimator would import.

    That they can be imported here says nothing: the folder that a program is started in is on Python's path.

    Raises:
        Exception: What pickle raises where it cannot write the estimator.
    """
    pickler = _Noting(io.BytesIO())
    pickler.dump(estimator)
    return sorted(name for name in pickler.modules if is_own(_file_of(name)))


class _Noting(pickle.Pickler):
    """Notes the modules of classes and functions."""

    def __init__(self, target: io.BytesIO) -> None:
        super().__init__(target, protocol=5)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Called for every object that is written."""
        if isinstance(obj, type | FunctionType):
            self.modules.add(str(obj.__module__))
        return NotImplemented


def _file_of(module: str) -> str:
    """File of a module; `<...>` where it has none."""
    found = importlib.util.find_spec(module)
    return "<none>" if found is None or not found.has_location else str(found.origin)
