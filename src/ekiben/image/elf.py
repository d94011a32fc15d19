"""Shared libraries without what only linkers and debuggers read. Pure.

Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html and ch5.pheader.html beside it
("a file's section header table is optional for execution").
"""

from __future__ import annotations

import struct

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all platforms that are locked
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_EXECUTED = frozenset({2, 3})  # programs, and shared objects


def loadable(content: bytes) -> bytes:
    """What the loader maps, which is all that a running program can see.

    Symbol tables for linkers, debug information and the table of sections lie behind the
    last segment in what compilers write; they go, and no offset changes. Dynamic symbols,
    build IDs and the tables of exceptions are inside of segments, and stay.

    Args:
        content: Any file.

    Returns:
        The shorter file; the same bytes if it is no program or shared object, is not whole,
        or has nothing to lose.
    """
    if not content.startswith(_MAGIC) or len(content) < _HEADER.size:
        return content
    found = list(_HEADER.unpack_from(content))
    kind, table, size, count = found[1], found[5], found[9], found[10]
    if kind not in _EXECUTED or size != _SEGMENT.size or table + size * count > len(content) or not count:
        return content
    ends = [table + size * count]
    for number in range(count):
        _, _, offset, _, _, in_file, _, _ = _SEGMENT.unpack_from(content, table + number * size)
        ends.append(offset + in_file if in_file else 0)
    if max(ends) >= len(content):
        return content
    found[6] = found[11] = found[12] = found[13] = 0  # no table of sections
    return _HEADER.pack(*found) + content[_HEADER.size : max(ends)]
