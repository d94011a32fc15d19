"""Shared libraries without what only linkers and debuggers read."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import pytest

from ekiben.image import elf


def library() -> Path:
    """A shared library of this machine that has a table of sections."""
    import _ctypes

    return Path(_ctypes.__file__)


def test_a_shortened_library_loads_and_answers(tmp_path: Path) -> None:
    """The loader needs no table of sections; bytes behind the last segment are gone."""
    import uvloop.loop

    before = Path(uvloop.loop.__file__).read_bytes()
    after = elf.loadable(before)
    assert len(after) < len(before)
    native = next(Path(p) for p in Path("/proc/self/maps").read_text().split() if "/libm.so" in p)
    made = tmp_path / "libm-short.so"
    made.write_bytes(elf.loadable(native.read_bytes()))
    assert made.stat().st_size < native.stat().st_size
    root = ctypes.CDLL(str(made)).sqrt
    root.restype, root.argtypes = ctypes.c_double, [ctypes.c_double]
    assert root(2.25) == 1.5


def test_what_is_kept_is_unchanged_but_for_the_header() -> None:
    """No offset moves: every kept byte behind the header is where it was."""
    before = library().read_bytes()
    after = elf.loadable(before)
    assert after[64:] == before[64 : len(after)]
    assert struct.unpack_from("<Q", after, 40) == (0,)
    assert struct.unpack_from("<HHH", after, 58) == (0, 0, 0)


def test_a_second_time_changes_nothing() -> None:
    """What is shortened has nothing more to lose."""
    once = elf.loadable(library().read_bytes())
    assert elf.loadable(once) == once


@pytest.mark.parametrize("damage", ["text", "short", "cut", "object", "32 bits"])
def test_what_is_no_whole_library_is_left_alone(damage: str) -> None:
    """Neither guessed at nor cut."""
    whole = library().read_bytes()
    content = {
        "text": b"#!/bin/sh\n",
        "short": whole[:40],
        "cut": whole[:70],
        "object": whole[:16] + struct.pack("<H", 1) + whole[18:],
        "32 bits": whole[:4] + b"\x01" + whole[5:],
    }[damage]
    assert elf.loadable(content) == content
