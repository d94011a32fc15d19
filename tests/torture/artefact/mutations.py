"""One random change to a sealed artefact, drawn from a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

Change = Callable[[Path, random.Random], str]


def changed(folder: Path, seed: int) -> str:
    """Change an artefact in one place.

    Args:
        folder: A copy of a sealed artefact.
        seed: Of the draw.

    Returns:
        What was done.
    """
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    while not (done := draw.choice(_CHANGES)(folder, draw)):
        continue
    return done


def _name(folder: Path, draw: random.Random) -> str:
    return draw.choice(sorted(path.name for path in folder.iterdir()))


def _flip(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    content = bytearray(path.read_bytes())
    place, bit = draw.randrange(len(content)), draw.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"flip bit {bit} of byte {place} in {path.name}"


def _cut(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])
    return f"cut {path.name}"


def _append(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    path.write_bytes(path.read_bytes() + draw.randbytes(draw.randint(1, 64)))
    return f"append to {path.name}"


def _overwrite(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    content = path.read_bytes()
    start = draw.randrange(len(content))
    made = content[:start] + draw.randbytes(min(draw.randint(1, 256), len(content) - start))
    made += content[len(made) :]
    path.write_bytes(made)
    return "" if made == content else f"overwrite {path.name} from {start}"


def _swap(folder: Path, draw: random.Random) -> str:
    one, other = (folder / _name(folder, draw) for _ in range(2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return "" if first == second else f"swap {one.name} and {other.name}"


def _remove(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    path.unlink()
    return f"remove {path.name}"


def _rename(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    name = draw.choice([path.name.upper(), path.name.capitalize(), f"{path.name}~", f".{path.name}"])
    path.rename(folder / name)
    return f"rename {path.name} to {name}"


def _extra(folder: Path, draw: random.Random) -> str:
    name = draw.choice(
        ["sitecustomize.py", "estimator.pickle", "Card.json", "x\nmanifest.json", "\u202ecard"]
    )
    (folder / name).write_bytes(draw.randbytes(8))
    return f"add {name!r}"


def _link(folder: Path, draw: random.Random) -> str:
    path, outside = folder / _name(folder, draw), folder.with_name("outside")
    other = folder / _name(folder, draw)
    same = other.read_bytes() == path.read_bytes()  # a second name for the same bytes changes nothing
    shutil.copyfile(path, outside)
    path.unlink()
    if same or draw.random() < 0.5:
        path.symlink_to(outside)
        return f"link {path.name} to the same bytes"
    os.link(other, path)
    return f"hard link {path.name} to {other.name}"


def _special(folder: Path, draw: random.Random) -> str:
    path = folder / _name(folder, draw)
    path.unlink()
    if draw.random() < 0.5:
        os.mkfifo(path)
        return f"fifo {path.name}"
    path.mkdir()
    return f"folder {path.name}"


def _document(folder: Path, draw: random.Random) -> str:
    """Change one member of a JSON file, and write it as JSON again."""
    path = folder / draw.choice(["manifest.json", "signature.json", "schema.json", "golden.json"])
    document = json.loads(path.read_text())
    part = document
    key = draw.choice(sorted(part))
    while isinstance(part[key], dict) and part[key] and draw.random() < 0.7:
        part = part[key]
        key = draw.choice(sorted(part))
    before = part[key]
    part[key] = draw.choice([None, True, 0, -1, 1e308, "", "../../x", [], {}, [before], {"x": before}])
    path.write_text(json.dumps(document, sort_keys=True, indent=1) + "\n")
    return "" if part[key] == before else f"set {key} in {path.name}"


_CHANGES: tuple[Change, ...] = (
    *[_flip] * 6, *[_overwrite] * 3, *[_document] * 3,
    _cut, _append, _swap, _remove, _rename, _extra, _link, _special,
)  # fmt: skip
