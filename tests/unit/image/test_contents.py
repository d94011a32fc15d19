"""Reading an image back from its layers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ekiben.errors import ConfigError
from ekiben.image import contents, layer, layout, tree
from ekiben.image.blobs import Blobs


def archive(root: Path, *layers: list[tree.Entry]) -> Path:
    """An OCI layout of these layers."""
    blobs = Blobs(root)
    made = []
    for number, entries in enumerate(layers):
        out = io.BytesIO()
        made.append(layer.write(str(number), entries, out))
        blobs.add(out.getvalue())
    manifest = layout.manifest("sha256:" + "0" * 64, 0, made, {})
    (root / "index.json").write_bytes(layout.index(blobs.add(manifest), len(manifest), "amd64", "x"))
    return root


def test_files_programs_and_distributions_are_read_from_the_layers(tmp_path: Path) -> None:
    """Sizes, names below bin folders, and what METADATA and dpkg's stanzas say."""
    found = contents.inspect(
        archive(
            tmp_path,
            [
                tree.file("usr/bin/python3.11", b"123", mode=0o755),
                tree.link("usr/bin/python3", "python3.11"),
                tree.file("var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2.36\n"),
            ],
            [tree.file("opt/site/x-1.dist-info/METADATA", b"Name: x\nVersion: 1\n\n")],
        )
    )
    assert found.files["usr/bin/python3.11"] == 3
    assert found.programs == {"python3", "python3.11"}
    assert {(part.kind, part.name, part.version) for part in found.components} == {
        ("deb", "libc6", "2.36"),
        ("pypi", "x", "1"),
    }


def test_the_whole_status_file_of_dpkg_is_read(tmp_path: Path) -> None:
    """A named Debian base lists its packages in one file."""
    text = b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\nDescription: x\n more\n\n"
    found = contents.inspect(archive(tmp_path, [tree.file("var/lib/dpkg/status", text)]))
    assert {(part.name, part.version) for part in found.components} == {("a", "1"), ("b", "2")}


def test_a_file_that_an_upper_layer_removes_is_not_inside(tmp_path: Path) -> None:
    """Whiteouts take files and whole folders away."""
    found = contents.files(
        archive(
            tmp_path,
            [tree.file("etc/a", b""), tree.file("usr/lib/x/one", b""), tree.file("usr/lib/xyz", b"")],
            [tree.file("etc/.wh.a", b""), tree.file("usr/lib/.wh.x", b"")],
        )
    )
    assert found == ["usr/lib/xyz"]


def test_what_is_no_layout_is_refused(tmp_path: Path) -> None:
    """An empty folder is an error that names it."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        contents.inspect(tmp_path)
