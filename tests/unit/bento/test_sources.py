"""The packed files and the version that follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.bento.sources import collect, version
from ekiben.errors import ConfigError

SERVICE = "bentos.iris.service:Iris"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one bento."""
    root = tmp_path / "project"
    for name in ("bentos/iris/service.py", "bentos/iris/estimator.py", "bentos/iris/data.csv", "secret.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    cache = root / "bentos/iris/__pycache__"
    cache.mkdir()
    (cache / "service.py").write_text("")
    return root


def test_without_patterns_the_python_files_beside_the_service_are_packed(project: Path) -> None:
    """Neither data nor other folders nor bytecode."""
    assert set(collect(project, (), SERVICE)) == {"bentos/iris/service.py", "bentos/iris/estimator.py"}


def test_patterns_say_what_is_packed(project: Path) -> None:
    """Globs are relative to the project."""
    found = collect(project, ("bentos/iris/*.py", "**/*.csv"), SERVICE)
    assert set(found) == {"bentos/iris/service.py", "bentos/iris/estimator.py", "bentos/iris/data.csv"}


@pytest.mark.parametrize("pattern", ["../*.py", "/etc/*", "bentos/../../*.py"])
def test_a_pattern_that_leaves_the_project_is_refused(project: Path, pattern: str) -> None:
    """Neither absolute nor upwards."""
    with pytest.raises(ConfigError, match="inside the project"):
        collect(project, (pattern,), SERVICE)


def test_a_link_to_a_file_outside_is_refused(project: Path, tmp_path: Path) -> None:
    """A link cannot carry a file of the machine into the image."""
    (tmp_path / "key.py").write_text("secret")
    (project / "bentos/iris/key.py").symlink_to(tmp_path / "key.py")
    with pytest.raises(ConfigError, match="outside"):
        collect(project, (), SERVICE)


def test_a_pattern_without_files_is_refused(project: Path) -> None:
    """A typo does not pack less in silence."""
    with pytest.raises(ConfigError, match=r"\*\.parquet"):
        collect(project, ("bentos/**/*.parquet",), SERVICE)


def test_the_service_must_be_among_the_files(project: Path) -> None:
    """Else it could not be imported in the pod."""
    with pytest.raises(ConfigError, match=r"bentos/iris/service\.py"):
        collect(project, ("bentos/iris/estimator.py",), SERVICE)


def test_the_version_follows_from_content_and_inputs_alone(project: Path, tmp_path: Path) -> None:
    """A copy elsewhere has the same; a changed byte, name or input another."""
    import shutil

    other = Path(shutil.copytree(project, tmp_path / "elsewhere"))
    first = version(collect(project, (), SERVICE), model="iris:1")
    assert version(collect(other, (), SERVICE), model="iris:1") == first
    assert len(first) == 16
    assert version(collect(project, (), SERVICE), model="iris:2") != first
    (project / "bentos/iris/estimator.py").write_text("changed")
    assert version(collect(project, (), SERVICE), model="iris:1") != first
