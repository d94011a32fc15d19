"""The archive beside what an image has: the locked libraries of its core, and an `ekiben` of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from ekiben.scale.job import archive

ROOT = Path(__file__).resolve().parents[4]
LOCK = ROOT / "requirements" / "pod" / "core.txt"
BODY = b'{"instances":[[5.1,3.5,1.4,0.2]]}'


def locked() -> list[str]:
    """Names of the packages that every image has."""
    return re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), re.MULTILINE)


def _tops(name: str) -> Iterator[Path]:
    """What a package puts into site-packages itself."""
    found = metadata.distribution(name)
    for top in {Path(str(one)).parts[0] for one in found.files or ()} - {".."}:
        yield Path(str(found.locate_file(top)))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of libraries as an image has it; its own `ekiben` cannot be used for a load."""
    folder = tmp_path_factory.mktemp("site")
    for name in locked():
        for path in _tops(name):
            if not (folder / path.name).exists():  # a namespace that packages share
                (folder / path.name).symlink_to(path)
    (folder / "ekiben").mkdir()
    (folder / "ekiben" / "__init__.py").write_text("raise ImportError('the ekiben of the image')\n")
    return folder


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive as a file."""
    path = tmp_path_factory.mktemp("archive") / "code.zip"
    path.write_bytes(archive.build())
    return path


def command(program: Path, site: Path, *words: str) -> tuple[list[str], dict[str, str]]:
    """Arguments and the whole environment of a pod's program: no site-packages but these."""
    argv = [sys.executable, "-S", "-m", archive.ENTRY, *words]
    environment = {"PYTHONPATH": f"{program}:{site}", "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return argv, {**environment, "PATH": os.defpath}
