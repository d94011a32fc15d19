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


DEEP = """
def deep():
    raise LookupError("mine")
def build():
    try:
        deep()
    except LookupError as error:
        raise RuntimeError("outer") from error
"""


def test_an_exception_of_the_users_code_comes_with_its_own_traceback(tmp_path: Path) -> None:
    """The message has every line of the user's code that took part, also of the cause, none of ekiben's."""
    root = project(tmp_path, estimator=DEEP)
    with pytest.raises(ConfigError) as caught:
        functions.call("models.one.estimator:build", root)
    said = str(caught.value)
    assert said.startswith("models.one.estimator:build raised RuntimeError: outer\n")
    file = root / "models/one/estimator.py"
    lines = [
        f'File "{file}", line {line}, in {name}' for line, name in ((6, "build"), (3, "deep"), (8, "build"))
    ]
    places = [said.index(each) for each in lines]
    assert places == sorted(places)
    assert said.count('File "') == len(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("VALUE = 1\ndef build(:", r"SyntaxError: .*\n.*estimator\.py\", line 2\n.*def build\(:"),
        (
            "def build(): return 1\n1 / 0",
            r"ZeroDivisionError: .*\n(.*\n)+.*estimator\.py\", line 2, in <module>",
        ),
        ("import sys\nsys.exit(0)", r"SystemExit: 0\n(.*\n)+.*estimator\.py\", line 2"),
        ("import sys\ndef build(): sys.exit(0)", r"raised SystemExit: 0\n(.*\n)+.*line 2, in build"),
        ("def build(path, *, seed): pass", r"without arguments, found build\(path, \*, seed\): .*'path'"),
    ],
)
def test_a_module_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    """Bad syntax, an exception or an exit while it is imported or called, another signature: each is told."""
    root = project(tmp_path, estimator=text)
    with pytest.raises(ConfigError, match=message) as caught:
        functions.call("models.one.estimator:build", root)
    assert "functions.py" not in str(caught.value)
    assert caught.value.remedy


def test_what_is_not_installed_is_told_from_what_is_not_there(tmp_path: Path) -> None:
    """A package that the module imports is to be installed; a path that is misspelt is to be corrected."""
    root = project(tmp_path, broken="import not_installed")
    for path, remedy in (
        ("models.one.broken", "install not_installed"),
        ("models.oen.x", "seen from the project"),
    ):
        with pytest.raises(ConfigError) as caught:
            functions.call(f"{path}:build", root)
        assert remedy in caught.value.remedy


def test_only_the_modules_own_functions_are_offered(tmp_path: Path) -> None:
    """What it imported from elsewhere is not what the path meant."""
    root = project(tmp_path, estimator="from json import dumps, loads\ndef build(): return 1")
    with pytest.raises(ConfigError, match=r"'biuld'; found build$"):
        functions.call("models.one.estimator:biuld", root)


PRINTS = """
import ctypes, os
print("import")
def build():
    print("python")
    os.write(1, b"descriptor\\n")
    ctypes.CDLL(None).printf(b"compiled\\n")
"""


def test_what_the_users_code_prints_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Results alone go to stdout: also what compiled code writes goes elsewhere, and only meanwhile."""
    functions.call("models.one.estimator:build", project(tmp_path, estimator=PRINTS))
    print("result")  # noqa: T201  # what a user's code does
    told = capfd.readouterr()
    assert told.out == "result\n"
    assert sorted(told.err.split()) == ["compiled", "descriptor", "import", "python"]
