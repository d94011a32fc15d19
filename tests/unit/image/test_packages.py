"""What is left of the installed packages, and their bytecode."""

from __future__ import annotations

import marshal
import os
import sys
from pathlib import Path

from ekiben.image import packages, python


def installed(root: Path) -> Path:
    """A small folder as uv leaves it."""
    files = {
        "bin/tool": f"#!{sys.executable}\n",
        "x/__init__.py": "def known(x): return x in {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}\n",
        "x/core.pyi": "",
        "x/_core.pyx": "",
        "x/tests/test_x.py": "assert False\n",
        "x/testing.py": "",
        "x-1.dist-info/METADATA": "Name: x\nVersion: 1\nLicense: MIT\n\n",
        "x-1.dist-info/licenses/LICENSE.h": "the licence\n",
        "x-1.dist-info/REQUESTED": "",
        "x-1.dist-info/RECORD": (
            "x/testing.py,,\nx/__init__.py,sha256=1,2\n../../bin/tool,sha256=2,3\nbin/tool,sha256=2,3\n"
            "x/tests/test_x.py,,\nx-1.dist-info/RECORD,,\n"
        ),
        ".lock": "",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_pruning_keeps_what_runs_and_what_licences_ask_for(tmp_path: Path) -> None:
    """Tests, stubs, sources of extensions and scripts go; modules and licences stay."""
    packages.prune(installed(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "x/__init__.py",
        "x/testing.py",
        "x-1.dist-info/METADATA",
        "x-1.dist-info/RECORD",
        "x-1.dist-info/licenses/LICENSE.h",
    }


def test_a_record_lists_what_is_there_and_nothing_of_this_machine(tmp_path: Path) -> None:
    """Lines of removed files go: those of scripts hash this machine's path of Python."""
    packages.prune(installed(tmp_path))
    lines = (tmp_path / "x-1.dist-info/RECORD").read_text().splitlines()
    assert lines == ["x-1.dist-info/RECORD,,", "x/__init__.py,sha256=1,2", "x/testing.py,,"]


def test_a_record_that_is_linked_into_a_cache_stays_as_it_is_there(tmp_path: Path) -> None:
    """The installer may have linked the file; the other end is not written to."""
    site = installed(tmp_path / "site")
    record = site / "x-1.dist-info/RECORD"
    os.link(record, tmp_path / "cached")
    before = record.read_text()
    packages.prune(site)
    assert (tmp_path / "cached").read_text() == before != record.read_text()


def test_every_distribution_is_listed(tmp_path: Path) -> None:
    """Name, version and licence come from METADATA."""
    (part,) = packages.components(installed(tmp_path))
    assert (part.name, part.version, part.licence) == ("x", "1", "MIT")


def test_bytecode_is_the_same_anywhere_never_checked_and_names_its_place_in_the_image(tmp_path: Path) -> None:
    """Two folders give the same bytes: flags 1 (hash, unchecked) and the final path inside."""
    blobs = []
    for name in ("one", "somewhere/else"):
        site = installed(tmp_path / name)
        packages.prune(site)
        python.compile_all(python.Python((sys.executable,)), site, "/opt/ekiben/site")
        (found,) = site.glob("x/__pycache__/__init__.*.pyc")
        blobs.append(found.read_bytes())
    assert blobs[0] == blobs[1]
    assert int.from_bytes(blobs[0][4:8], "little") == 1
    assert marshal.loads(blobs[0][16:]).co_filename == "/opt/ekiben/site/x/__init__.py"  # noqa: S302  # our own
