"""The user's own functions, imported from the project by `module:function`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError


def call(path: str, project: Path) -> Any:
    """Import a function of the project and call it without arguments.

    Args:
        path: `module:function`, the module as seen from the project's root.
        project: Root of the project.

    Raises:
        ConfigError: No such module or function, or the module cannot be imported.
    """
    with _importing_from(project):
        return _load(path, project)()


def _load(path: str, project: Path) -> Callable[[], Any]:
    module_name, _, function_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{path}: cannot import {module_name} from {project}: {error}",
            remedy="the part before the colon is a module seen from the project's root, "
            "e.g. bentos.iris.estimator",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = sorted(
            name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
        )
        raise ConfigError(
            f"{path}: {module_name} has no function {function_name!r}; found {', '.join(names) or 'none'}"
        )
    found: Callable[[], Any] = function
    return found


@contextmanager
def _importing_from(project: Path) -> Iterator[None]:
    """Modules of this project first, and forgotten afterwards: another project may use the same names."""
    before = dict(sys.modules)
    root = str(project.resolve())
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(root)
        new = set(sys.modules) - set(before)
        for name in [name for name in new if _below(sys.modules[name], project.resolve())]:
            del sys.modules[name]


def _below(module: Any, root: Path) -> bool:
    """Whether a module is the project's own; a virtual environment inside the project is not."""
    places = [getattr(module, "__file__", None) or "", *map(str, getattr(module, "__path__", ()))]
    return any(
        place and Path(place).is_relative_to(root) and "site-packages" not in Path(place).parts
        for place in places
    )
