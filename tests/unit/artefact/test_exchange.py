"""One file carries a model; nothing else gets into the store by it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.unit.artefact.models import listed, made, stored

from ekiben.artefact import exchange, store
from ekiben.errors import ConfigError

AT = datetime(2026, 3, 3, tzinfo=UTC)


def take(source: Path, home: Path, **parts: Any) -> exchange.Imported:
    return exchange.take(source, home, by="ann", at=AT, **parts)


def state(home: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its inode and its bytes."""
    return {
        str(path): (path.stat().st_ino, path.read_bytes())
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["small.tar", "small.tar.zst"])
def test_there_and_back(tmp_path: Path, name: str) -> None:
    """The same artefact, in another store, known to BentoML, with where it came from."""
    tag = stored(tmp_path / "a")
    done = exchange.export(tag, tmp_path / name, tmp_path / "a")
    assert done.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    found = take(tmp_path / name, tmp_path / "b")
    assert (found.tag, found.new) == (tag, True)
    assert listed(tmp_path / "b") == [str(tag)]
    assert store.require(tag, tmp_path / "b") == done.artefact_sha256
    assert f"file: {name}" in (found.folder / "model.yaml").read_text()
    assert store.latest("small", tmp_path / "b") == tag.version


def test_the_same_bytes_whoever_exports(tmp_path: Path) -> None:
    """From two stores that were filled at different times; and tar itself can read it."""
    files = []
    for name in ("a", "b"):
        tag = stored(tmp_path / name / "home")
        exchange.export(tag, tmp_path / f"{name}.tar", tmp_path / name / "home")
        files.append((tmp_path / f"{name}.tar").read_bytes())
    assert files[0] == files[1]
    names = subprocess.run(
        ["tar", "tf", str(tmp_path / "a.tar")], capture_output=True, text=True, check=True
    ).stdout.split()
    assert f"{tag.name}-{tag.version}/manifest.json" in names
    assert not [each for each in names if each.endswith("model.yaml")]


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Export replaces nothing, and leaves nothing beside it."""
    tag = stored(tmp_path / "home")
    target = tmp_path / "out" / "small.tar"
    target.parent.mkdir()
    target.write_text("mine")
    with pytest.raises(ConfigError, match="expected no file"):
        exchange.export(tag, target, tmp_path / "home")
    assert [path.name for path in target.parent.iterdir()] == ["small.tar"]
    assert target.read_text() == "mine"


def test_a_changed_version_is_not_exported(tmp_path: Path) -> None:
    """What leaves is what was stored."""
    tag = stored(tmp_path / "home")
    (store.folder_of(tag, tmp_path / "home") / "card.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"card\.json"):
        exchange.export(tag, tmp_path / "small.tar", tmp_path / "home")
    assert not (tmp_path / "small.tar").exists()


def test_a_version_that_is_there_is_not_touched(tmp_path: Path) -> None:
    """Not one inode of it changes, nor does `latest`."""
    home = tmp_path / "home"
    first = stored(home, 0.1)
    exchange.export(first, tmp_path / "small.tar", home)
    second = stored(home, 0.2)
    before = state(home / "models")
    assert not take(tmp_path / "small.tar", home).new
    assert state(home / "models") == before
    assert store.latest("small", home) == second.version


def test_latest_stays_with_what_was_trained_last(tmp_path: Path) -> None:
    """An import is no training; and a dry run is no import."""
    foreign = stored(tmp_path / "a", 0.1)
    exchange.export(foreign, tmp_path / "small.tar", tmp_path / "a")
    own = stored(tmp_path / "b", 0.2)
    assert take(tmp_path / "small.tar", tmp_path / "b", dry_run=True).new
    assert listed(tmp_path / "b") == [str(own)]
    take(tmp_path / "small.tar", tmp_path / "b")
    assert listed(tmp_path / "b") == sorted(map(str, (own, foreign)))
    assert store.latest("small", tmp_path / "b") == own.version


def archive(entries: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def info(name: str, size: int = 0, **parts: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in parts.items():
        setattr(made, key, value)
    return made


def hostile(kind: str, good: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:  # noqa: C901, PLR0911, PLR0912  # one case each
    root = good[0][0].name.partition("/")[0]
    match kind:
        case "up":
            return archive([*good, (info(f"{root}/../../evil", 4), b"evil")])
        case "absolute":
            return archive([*good, (info("/tmp/evil", 4), b"evil")])  # noqa: S108  # nobody writes it
        case "two-roots":
            return archive([*good, (info("other/evil", 4), b"evil")])
        case "deeper":
            return archive([*good, (info(f"{root}/sub/evil", 4), b"evil")])
        case "symlink":
            return archive(
                [(info(f"{root}/card.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b""), *good]
            )
        case "hardlink":
            return archive([(info(f"{root}/x", type=tarfile.LNKTYPE, linkname="/etc/passwd"), b""), *good])
        case "fifo":
            return archive([*good, (info(f"{root}/fifo", type=tarfile.FIFOTYPE), b"")])
        case "device":
            return archive([*good, (info(f"{root}/zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5), b"")])
        case "folder":
            return archive([(info(root, type=tarfile.DIRTYPE), b""), *good])
        case "twice":
            return archive([*good, good[0]])
        case "case":
            return archive([*good, (info(f"{root}/CARD.JSON", 2), b"{}")])
        case "extra":
            return archive([*good, (info(f"{root}/extra.py", 4), b"evil")])
        case "record":
            return archive([*good, (info(f"{root}/model.yaml", 4), b"evil")])
        case "missing":
            return archive(good[1:])
        case "changed":
            place = next(i for i, (each, _) in enumerate(good) if each.name.endswith("card.json"))
            return archive(
                [*good[:place], (good[place][0], good[place][1].replace(b"0.5", b"0.9")), *good[place + 1 :]]
            )
        case "typed":  # right in every byte but its type
            link = info(good[0][0].name, len(good[0][1]), type=tarfile.SYMTYPE, linkname="/etc/passwd")
            return archive([(link, good[0][1]), *good[1:]])
        case "pax":
            return archive([*good, (info(f"{root}/{'x' * 150}", 0), b"")], tarfile.PAX_FORMAT)
        case "cut":
            return archive(good)[:3000]
        case "tail":
            return archive(good) + b"more"
        case "empty":
            return b""
        case "text":
            return b"what is this" * 100
        case "many":
            return archive([(info(f"{root}/f{n}"), b"") for n in range(100)])
        case "huge-header":
            head = bytearray(info(f"{root}/big", 8 << 30).tobuf(tarfile.GNU_FORMAT))
            return bytes(head)
        case "bomb":
            return zstandard.ZstdCompressor().compress(info(f"{root}/big", 1 << 25).tobuf() + bytes(1 << 25))
        case "bomb-of-padding":
            return zstandard.ZstdCompressor().compress(archive(good) + bytes(1 << 25))
        case "window":
            parts = zstandard.ZstdCompressionParameters(window_log=30)
            return (
                zstandard.ZstdCompressor(compression_params=parts).compressobj().compress(archive(good)) + b""
            )
        case "not-zstd":
            return b"\x28\xb5\x2f\xfd" + b"\xff" * 100
    raise AssertionError(kind)


KINDS = [
    "typed", "up", "absolute", "two-roots", "deeper", "symlink", "hardlink", "fifo", "device",
    "folder", "twice", "case", "extra", "record", "missing", "changed", "pax", "cut", "tail", "empty",
    "text", "many", "huge-header", "bomb", "bomb-of-padding", "window", "not-zstd",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_else_gets_in(tmp_path: Path, kind: str) -> None:
    """Each hostile file is refused, writes nothing anywhere, and the store is as it was."""
    source, home = tmp_path / "source", tmp_path / "home"
    content = made(source)
    good = [
        (info(f"small-0/{path.name}", path.stat().st_size), path.read_bytes())
        for path in sorted(content.iterdir())
    ]
    stored(home, 0.1)
    before = state(home)
    file = tmp_path / "given"
    file.write_bytes(hostile(kind, good))
    around = set(tmp_path.iterdir())
    with pytest.raises(ConfigError):
        take(file, home, most_bytes=1 << 22)
    assert state(home) == before
    assert set(tmp_path.iterdir()) == around


def test_the_bound_is_a_bound(tmp_path: Path) -> None:
    """A good archive passes at the size of its files, and not one byte below it."""
    tag = stored(tmp_path / "a")
    exchange.export(tag, tmp_path / "small.tar", tmp_path / "a")
    folder = store.folder_of(tag, tmp_path / "a")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name != "model.yaml")
    take(tmp_path / "small.tar", tmp_path / "b", most_bytes=size)
    with pytest.raises(ConfigError, match="at most"):
        take(tmp_path / "small.tar", tmp_path / "c", most_bytes=size - 1)
    assert not (tmp_path / "c").exists()
