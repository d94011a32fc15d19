"""What of the installed packages a pod never reads, and what tells of the machine that installed them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

from ekiben.image import elf

# Sources of extension modules, headers, type stubs: nothing reads them at run time.
_UNUSED_SUFFIXES = (".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx", ".tp")
_UNUSED_FOLDERS = frozenset({"__pycache__", "test", "tests"})
_INSTALLER_FILES = frozenset({".lock", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
# Each was found by its size; what imports it, or why nothing does, stands beside it.
_UNUSED_PATHS = (
    "bin",  # scripts, which name this machine's Python
    "numpy/distutils",  # builds extensions; `numpy.f2py` does too, but `from numpy import *` loads it
    "onnxruntime/capi/libonnxruntime.so.*",  # for programs in C; the Python module holds all of it once more
    "onnxruntime/datasets",  # examples
    "onnxruntime/quantization",  # makes models
    "onnxruntime/tools",  # same
    "onnxruntime/transformers",  # same
    "zstandard/_cffi.*",  # for PyPy; CPython takes `backend_c`
    "zstandard/backend_cffi.py",
)


def trim(site: Path) -> None:
    """Remove it; licences stay, and each RECORD says what is there.

    Args:
        site: Folder of installed packages, to be changed. Its files may be links into the installer's
            cache: none is written to, changed ones are replaced.
    """
    for pattern in _UNUSED_PATHS:
        for path in sorted(site.glob(pattern)):
            _remove(path)
    for path in sorted(site.rglob("*")):
        if path.is_symlink() or not path.exists():
            continue
        if path.is_dir():
            if path.name in _UNUSED_FOLDERS:
                _remove(path)
        elif path.name in _INSTALLER_FILES or (path.suffix in _UNUSED_SUFFIXES and not _legal(path)):
            path.unlink()
    shortened = set(_shortened(site))
    for record in sorted(site.glob("*.dist-info/RECORD")):
        _renew(record, site, shortened)


def _shortened(site: Path) -> Iterator[str]:
    """Keep of shared libraries what the loader maps; give the paths of those that changed."""
    for path in sorted(site.rglob("*.so*")):
        if path.is_symlink() or not path.is_file():
            continue
        before = path.read_bytes()
        after = elf.loadable(before)
        if after != before:
            mode = path.stat().st_mode
            path.unlink()
            path.write_bytes(after)
            path.chmod(mode)
            yield path.relative_to(site).as_posix()


def _renew(record: Path, site: Path, changed: set[str]) -> None:
    """Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in sorted(csv.reader(record.read_text(encoding="utf-8").splitlines())):
        if not row or not (site / row[0]).is_file():
            continue
        if row[0] in changed:
            content = (site / row[0]).read_bytes()
            packed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            row[1:] = [f"sha256={packed}", str(len(content))]
        writer.writerow(row)
    record.unlink()
    record.write_text(out.getvalue(), encoding="utf-8")


def _legal(path: Path) -> bool:
    return any(part.endswith(".dist-info") for part in path.parts)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
