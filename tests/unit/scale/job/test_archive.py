"""The archive that the load's pod runs: all that it needs, nothing else, the same bytes."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from tests.unit.scale.job.conftest import command, locked

from ekiben.scale.job import archive

# Names under which the packages of the image's core are imported, where these are not their own.
IMPORTED_AS = {"grpcio": "grpc", "protobuf": "google", "pyjwt": "jwt", "pysimdjson": "simdjson"}


def _names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return found.namelist()


def test_the_same_sources_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time and its zone: neither stands in it."""
    one = archive.build()
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    assert archive.build() == one
    monkeypatch.undo()
    time.tzset()


def test_it_is_far_below_what_a_config_map_holds() -> None:
    """An eighth of the mebibyte: the rest is for bodies and answers."""
    assert len(archive.build()) < 2**17


def test_it_holds_the_load_test_and_nothing_of_the_operators_side() -> None:
    """No client of Kubernetes, no configuration, no command line; of the serving half, its messages."""
    names = _names(archive.build())
    assert {"ekiben/__init__.py", "ekiben/scale/load/sender.py", "ekiben/scale/job/__main__.py"} <= set(names)
    rooms = {name.split("/")[1] for name in names}
    assert rooms == {"__init__.py", "errors.py", "scale", "serving"}
    assert not {name for name in names if name.startswith("ekiben/serving/http/")}
    assert names == sorted(names)


def test_it_imports_only_what_every_image_has() -> None:
    """Each import of its modules is the standard library's, its own, or of a package of the core's lock."""
    had = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in locked()} | {"ekiben"}
    asked = set()
    for path in archive.modules(f"{archive.ENTRY}.__main__").values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                asked |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                asked.add(str(node.module).partition(".")[0])
    assert {"orjson", "httptools", "uvloop"} <= asked
    assert asked - had - set(sys.stdlib_module_names) == set()


def test_what_is_imported_late_is_in_it_and_what_is_for_types_is_not(tmp_path: Path) -> None:
    """Functions load modules too; `if TYPE_CHECKING` never runs, but its `else` does."""
    source = tmp_path / "one.py"
    source.write_text(
        "import os, ekiben.jsonable\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from ekiben import config\n"
        "else:\n    from ekiben import version\n"
        "def late():\n    from ekiben.scale.load import need as other\n"
        "    from ekiben.errors import ConfigError\n"
    )
    found = set(archive.imports(source))
    assert found == {
        "ekiben", "ekiben.jsonable", "ekiben.version", "ekiben.scale.load", "ekiben.scale.load.need",
        "ekiben.errors",
    }  # fmt: skip


def test_every_module_comes_from_the_archive(program: Path, site: Path) -> None:
    """The image has an `ekiben` of its own on the path: the archive's wins, whole."""
    text = (
        "import sys, ekiben.scale.job.__main__, ekiben.scale.load.sender, ekiben.scale.load.measurement\n"
        "print({m.__file__.split('.zip')[0] for n, m in sys.modules.items() if n.startswith('ekiben')})"
    )
    _, environment = command(program, site)
    done = subprocess.run(
        [sys.executable, "-S", "-c", text], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str({os.fspath(program).removesuffix(".zip")})
