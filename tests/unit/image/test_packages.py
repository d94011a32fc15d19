"""What is left of the installed packages, and their bytecode."""

from __future__ import annotations

import _ctypes
import base64
import hashlib
import marshal
import os
import shutil
import sys
from pathlib import Path

from ekiben.image import packages, python
from ekiben.image.trim import trim


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
    trim(installed(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "x/__init__.py",
        "x/testing.py",
        "x-1.dist-info/METADATA",
        "x-1.dist-info/RECORD",
        "x-1.dist-info/licenses/LICENSE.h",
    }


def test_a_record_lists_what_is_there_and_nothing_of_this_machine(tmp_path: Path) -> None:
    """Lines of removed files go: those of scripts hash this machine's path of Python."""
    trim(installed(tmp_path))
    lines = (tmp_path / "x-1.dist-info/RECORD").read_text().splitlines()
    assert lines == ["x-1.dist-info/RECORD,,", "x/__init__.py,sha256=1,2", "x/testing.py,,"]


def test_a_record_that_is_linked_into_a_cache_stays_as_it_is_there(tmp_path: Path) -> None:
    """The installer may have linked the file; the other end is not written to."""
    site = installed(tmp_path / "site")
    record = site / "x-1.dist-info/RECORD"
    os.link(record, tmp_path / "cached")
    before = record.read_text()
    trim(site)
    assert (tmp_path / "cached").read_text() == before != record.read_text()


def test_what_only_builds_or_stands_in_for_something_goes(tmp_path: Path) -> None:
    """ONNX Runtime's second copy for C, its tools, zstandard's other backend; what Python loads stays."""
    gone = ["onnxruntime/capi/libonnxruntime.so.1.31.1", "onnxruntime/tools/a.py", "zstandard/_cffi.so"]
    kept = ["onnxruntime/capi/onnxruntime_pybind11_state.so", "zstandard/backend_c.so", "numpy/f2py/x.py"]
    for name in [*gone, *kept, "numpy/distutils/x.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    trim(tmp_path)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        kept
    )


def test_a_shortened_library_is_what_its_record_says_and_the_installers_cache_keeps_its_own(
    tmp_path: Path,
) -> None:
    """The hash in RECORD is that of the new bytes, by the wheel specification; the other link stays."""
    site, cached = tmp_path / "site", tmp_path / "cached.so"
    (site / "x-1.dist-info").mkdir(parents=True)
    shutil.copyfile(Path(_ctypes.__file__), cached)
    os.link(cached, site / "x.so")
    (site / "x-1.dist-info/RECORD").write_text('x.so,sha256=old,1\n"a,b.py",,\n')
    (site / "a,b.py").touch()
    before = cached.read_bytes()
    trim(site)
    after = (site / "x.so").read_bytes()
    assert len(after) < len(before) == len(cached.read_bytes())
    packed = base64.urlsafe_b64encode(hashlib.sha256(after).digest()).decode().rstrip("=")
    lines = (site / "x-1.dist-info/RECORD").read_text().splitlines()
    assert lines == ['"a,b.py",,', f"x.so,sha256={packed},{len(after)}"]


def test_every_distribution_is_listed(tmp_path: Path) -> None:
    """Name, version and licence come from METADATA."""
    (part,) = packages.components(installed(tmp_path))
    assert (part.name, part.version, part.licence) == ("x", "1", "MIT")


def test_bytecode_is_the_same_anywhere_never_checked_and_names_its_place_in_the_image(tmp_path: Path) -> None:
    """Two folders give the same bytes: flags 1 (hash, unchecked) and the final path inside."""
    blobs = []
    for name in ("one", "somewhere/else"):
        site = installed(tmp_path / name)
        trim(site)
        python.compile_all(python.Python((sys.executable,)), site, "/opt/ekiben/site")
        (found,) = site.glob("x/__pycache__/__init__.*.pyc")
        blobs.append(found.read_bytes())
    assert blobs[0] == blobs[1]
    assert int.from_bytes(blobs[0][4:8], "little") == 1
    assert marshal.loads(blobs[0][16:]).co_filename == "/opt/ekiben/site/x/__init__.py"  # noqa: S302  # our own
