"""The user's own functions, imported from the project by `module:function`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError, EkibenError
from ekiben.train import exceptions, streams


def call(path: str, project: Path) -> Any:
    """Import a function of the project and call it without arguments; what it prints goes to stderr.

    Args:
        path: `module:function`, the module as seen from the project's root.
        project: Root of the project.

    Raises:
        ConfigError: No such module or function, one that needs arguments, or one of them raised an
            exception: the message has its traceback.
    """
    with _importing_from(project), streams.to_stderr():
        function = _load(path, project)
        _check_arguments(function, path)
        try:
            return function()
        except EkibenError:
            raise
        except (Exception, SystemExit) as error:  # an exit would end ekiben with any code, also 0
            raise exceptions.raised(error, path) from error


def _load(path: str, project: Path) -> Callable[[], Any]:
    module_name, _, function_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{path}: cannot import {module_name} from {project}: {_reason(error)}",
            remedy=_remedy(error, module_name),
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = sorted(
            name
            for name, value in vars(module).items()
            if callable(value) and not name.startswith("_") and value.__module__ == module.__name__
        )
        raise ConfigError(
            f"{path}: {module_name} has no function {function_name!r}; found {', '.join(names) or 'none'}",
            remedy="the part after the colon is a function of this module",
        )
    found: Callable[[], Any] = function
    return found


def _reason(error: BaseException) -> str:
    said = exceptions.text(error)
    return said if isinstance(error, ImportError) else f"{type(error).__name__}: {said}"


def _remedy(error: BaseException, module: str) -> str:
    """Say what to do about a module that cannot be imported."""
    if not isinstance(error, ModuleNotFoundError):
        return exceptions.OWN
    if error.name is not None and f"{module}.".startswith(f"{error.name}."):
        return (
            "the part before the colon is a module seen from the project's root, e.g. bentos.iris.estimator"
        )
    return (
        f"install {error.name} for {sys.executable} (a pod builds no estimator but scikit-learn's), "
        "or import it as seen from the project's root"
    )


def _check_arguments(function: Callable[[], Any], path: str) -> None:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # compiled code may not say
        return
    try:
        signature.bind()
    except TypeError as error:
        raise ConfigError(
            f"{path}: expected a function that is called without arguments, "
            f"found {path.rpartition(':')[2]}{signature}: {error}",
            remedy="give every parameter a default, or write a function without any that calls this one",
        ) from error


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
