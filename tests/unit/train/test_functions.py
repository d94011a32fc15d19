from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ekiben.errors import ConfigError
from ekiben.train import functions


def project(folder: Path, **modules: str) -> Path:
    place = folder / "models" / "one"
    place.mkdir(parents=True)
    for name, text in modules.items():
        (place / f"{name}.py").write_text(text)
    return folder


def test_functions_are_called_from_the_projects_root(tmp_path: Path) -> None:
    """Modules of the project may import each other, also while the function runs."""
    root = project(
        tmp_path,
        helper="VALUE = 41",
        estimator="def build():\n    from models.one.helper import VALUE\n    return VALUE + 1",
    )
    assert functions.call("models.one.estimator:build", root) == 42


def test_two_projects_do_not_mix(tmp_path: Path) -> None:
    """The same module names in another project are other modules, and nothing stays behind."""
    before = (list(sys.path), {name for name in sys.modules if name.startswith("models")})
    for value in (1, 2):
        root = project(tmp_path / str(value), estimator=f"def build(): return {value}")
        assert functions.call("models.one.estimator:build", root) == value
    assert (list(sys.path), {name for name in sys.modules if name.startswith("models")}) == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("models.two:build", r"cannot import models\.two"),
        ("models.one.estimator:other", "no function 'other'; found build"),
        ("models.one.estimator:VALUE", "no function 'VALUE'"),
        ("models.one.broken:build", "cannot import .* No module named 'not_installed'"),
    ],
)
def test_what_cannot_be_found(tmp_path: Path, path: str, message: str) -> None:
    """A module or function that is missing is named, with what is there instead."""
    root = project(
        tmp_path,
        estimator="VALUE = 1\ndef build(): return 1\ndef _hidden(): pass",
        broken="import not_installed",
    )
    with pytest.raises(ConfigError, match=message):
        functions.call(path, root)


def test_errors_of_the_users_code_are_not_hidden(tmp_path: Path) -> None:
    """An exception inside the function is the user's to see, with its traceback."""
    root = project(tmp_path, estimator="def build(): raise ZeroDivisionError('mine')")
    with pytest.raises(ZeroDivisionError, match="mine"):
        functions.call("models.one.estimator:build", root)
