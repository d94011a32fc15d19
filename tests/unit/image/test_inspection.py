"""What takes how much of an image."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from ekiben.errors import AcceptanceError, ConfigError
from ekiben.image import budget, inspection, layer, layout, tree
from ekiben.image.blobs import Blobs

SITE = "opt/ekiben/site"


def noise(count: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(count).randbytes(count)  # noqa: S311  # no secret


def archive(root: Path, **layers: list[tree.Entry]) -> tuple[Path, list[layer.Layer]]:
    """An OCI layout of these layers, by name."""
    blobs = Blobs(root)
    made = []
    for name, entries in layers.items():
        out = io.BytesIO()
        made.append(layer.write(name, entries, out))
        blobs.add(out.getvalue())
    config = layout.configuration(layout.Program(["x"], labels={"a": "b"}), made)
    manifest = layout.manifest(blobs.add(config), len(config), made, {})
    (root / "index.json").write_bytes(layout.index(blobs.add(manifest), len(manifest), "amd64", "x"))
    return root, made


def image(root: Path) -> tuple[Path, list[layer.Layer]]:
    """A base with one Debian package, and two Python packages above it."""
    sums = b"0  usr/lib/libc.so\n"
    return archive(
        root,
        base=[
            tree.file("usr/lib/libc.so", noise(300_000)),
            tree.file("var/lib/dpkg/status.d/libc6", b"Package: libc6\n"),
            tree.file("var/lib/dpkg/status.d/libc6.md5sums", sums),
            tree.file("etc/passwd", b"root"),
        ],
        core=[
            tree.file(f"{SITE}/big/a.py", noise(200_000)),
            tree.file(f"{SITE}/big/__pycache__/a.cpython-311.pyc", noise(100_000)),
            tree.file(
                f"{SITE}/big_thing-1.dist-info/RECORD", b"big/a.py,,\nbig_thing-1.dist-info/RECORD,,\n"
            ),
            tree.file(f"{SITE}/small.py", bytes(1_000_000)),
            tree.file(f"{SITE}/small-2.dist-info/RECORD", b"small.py,,\nsmall-2.dist-info/RECORD,,\n"),
            tree.file(f"{SITE}/ekiben/serving/x.py", noise(50_000)),
        ],
    )  # fmt: skip


def test_each_package_has_its_share_and_the_sum_is_the_layer(tmp_path: Path) -> None:
    """Bytecode counts for the package of its source; zeros cost next to nothing."""
    folder, made = image(tmp_path)
    found = inspection.inspect(folder)
    by_name = {one.name: one for one in found.packages}
    for name, expected in (("big-thing", 300_000), ("libc6", 300_000), ("ekiben", 50_000)):
        assert by_name[name].compressed_bytes == pytest.approx(expected, abs=30_000)
    assert by_name["small"].unpacked_bytes == 1_000_000 + len("small.py,,\nsmall-2.dist-info/RECORD,,\n")
    assert by_name["small"].compressed_bytes < 40_000
    assert [one.name for one in found.layers] == ["base", "core"]
    assert found.compressed_bytes == sum(one.compressed_bytes for one in made)
    for one in found.layers:
        inside = [size.compressed_bytes for size in found.packages if size.layer == one.name]
        assert sum(inside) == pytest.approx(one.compressed_bytes, abs=11_000)
    assert found.labels == {"a": "b"}


def test_the_largest_package_comes_first(tmp_path: Path) -> None:
    """By compressed bytes."""
    sizes = [one.compressed_bytes for one in inspection.inspect(image(tmp_path)[0]).packages]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    """With the three ways to name one."""
    with pytest.raises(ConfigError) as found:
        inspection.inspect(tmp_path)
    assert "layout" in found.value.remedy


def test_an_image_over_its_budget_is_refused_with_its_largest_packages(tmp_path: Path) -> None:
    """The message says found and expected, and who takes most; below the budget nothing happens."""
    folder, made = image(tmp_path)
    budget.keep(folder, made, 1.0)
    budget.keep(folder, made, None)
    with pytest.raises(AcceptanceError) as found:
        budget.keep(folder, made, 0.5)
    lines = str(found.value).splitlines()
    assert "0.5 MB" in lines[0]
    assert "0.7 MB" in lines[0]
    assert {line.split()[2] for line in lines[1:3]} == {"big-thing", "libc6"}


def test_every_platform_of_an_index_is_shown(tmp_path: Path) -> None:
    """A layout whose one name is an index of two images."""
    blobs = Blobs(tmp_path)
    images = []
    for architecture, count in (("amd64", 1_000), ("arm64", 2_000)):
        out = io.BytesIO()
        made = [layer.write("base", [tree.file("a", noise(count))], out)]
        blobs.add(out.getvalue())
        config = layout.configuration(layout.Program(["x"], architecture=architecture), made)
        manifest = layout.manifest(blobs.add(config), len(config), made, {})
        images.append((blobs.add(manifest), len(manifest), architecture))
    index = layout.image_index(images)
    (tmp_path / "index.json").write_bytes(layout.index_of_index(blobs.add(index), len(index), "x"))
    found = inspection.inspect(tmp_path)
    shown = [(each.platform, each.digest, each.packages[0].unpacked_bytes) for each in (found, *found.others)]
    assert shown == [("linux/amd64", images[0][0], 1_000), ("linux/arm64", images[1][0], 2_000)]
