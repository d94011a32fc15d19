"""The cache of layers: found again by input, whole or not at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ekiben.image import tree
from ekiben.image.blobs import Blobs, Made
from ekiben.image.sbom import Component

PART = Component("pypi", "numpy", "2.0", "BSD-3-Clause")


class Maker:
    """Makes a layer, and counts how often."""

    def __init__(self, content: bytes = b"1") -> None:
        self.content, self.calls = content, 0

    def __call__(self) -> Made:
        self.calls += 1
        return Made([tree.file("a", self.content)], [PART])


def test_the_same_inputs_are_made_once(tmp_path: Path) -> None:
    """A second call with the key finds the layer, with all that was said about it."""
    blobs, maker = Blobs(tmp_path), Maker()
    made = blobs.layer("base", "key", maker)
    assert Blobs(tmp_path).layer("base", "key", maker) == made
    assert maker.calls == 1
    assert made.components == (PART,)


def test_other_inputs_are_made_anew(tmp_path: Path) -> None:
    """Another key, or another name, is another layer."""
    blobs, maker = Blobs(tmp_path), Maker()
    for name, key in (("base", "one"), ("base", "two"), ("packages", "one")):
        blobs.layer(name, key, maker)
    assert maker.calls == 3


@pytest.mark.parametrize("damage", ["shortened", "flipped", "gone", "record"])
def test_a_damaged_cache_is_repaired(tmp_path: Path, damage: str) -> None:
    """A blob that does not hash to its name, or a broken record, is made again."""
    blobs, maker = Blobs(tmp_path), Maker()
    made = blobs.layer("base", "key", maker)
    path = blobs.path(made.digest)
    content = path.read_bytes()
    if damage == "shortened":
        path.write_bytes(content[:-1])
    elif damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        path.unlink()
    else:
        next((tmp_path / "layers").iterdir()).write_text("{")
    assert blobs.layer("base", "key", maker) == made
    assert maker.calls == 2
    assert path.read_bytes() == content


def test_an_interrupted_layer_leaves_nothing(tmp_path: Path) -> None:
    """What fails in the middle is not found by the next call, and no file stays."""
    blobs = Blobs(tmp_path)

    def broken() -> Made:
        def entries() -> object:
            yield tree.file("a", b"1")
            raise KeyboardInterrupt

        return Made(entries())  # type: ignore[arg-type]  # a generator that ends early

    with pytest.raises(KeyboardInterrupt):
        blobs.layer("base", "key", broken)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert blobs.layer("base", "key", Maker()).name == "base"


def test_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    """Opening the cache removes half-made files and folders, and nothing else."""
    blobs = Blobs(tmp_path)
    made = blobs.layer("base", "key", Maker())
    (tmp_path / ".making-1").write_text("half")
    (tmp_path / ".making-2").mkdir()
    (tmp_path / ".making-2/file").write_text("half")
    with blobs.opened():
        assert not list(tmp_path.glob(".making-*"))
        assert blobs.intact(made.digest)


def test_a_layer_that_is_forgotten_is_made_again(tmp_path: Path) -> None:
    """Its blob stays, for the images that have it; another layer stays as it is."""
    blobs, maker = Blobs(tmp_path), Maker()
    assert blobs.made_at("base", "key") is None
    first = blobs.layer("base", "key", maker)
    blobs.layer("packages", "key", maker)
    made_at = blobs.made_at("base", "key")
    assert made_at is not None
    assert abs(made_at - time.time()) < 60
    blobs.forget("base", "key")
    blobs.forget("base", "nothing")
    maker.content = b"updated"
    second = blobs.layer("base", "key", maker)
    assert second.digest != first.digest
    assert blobs.intact(first.digest)
    assert maker.calls == 3
    blobs.layer("packages", "key", maker)
    assert maker.calls == 3
