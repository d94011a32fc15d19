from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ekiben.ground import images


@pytest.fixture
def programs(tmp_path: Path) -> list[images.Image]:
    made = []
    for name in ("pause", "coredns"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
        made.append(images.Image(f"ekiben.invalid/{name}:1", tmp_path / name))
    return made


def _blobs(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]


def test_every_blob_is_what_its_name_says(programs: list[images.Image], tmp_path: Path) -> None:
    """Content-addressed: the runtime refuses anything else."""
    images.archive(programs, tmp_path / "all.tar", "x86_64")
    blobs = _blobs(tmp_path / "all.tar")
    addressed = {name: data for name, data in blobs.items() if name.startswith("blobs/")}
    assert len(addressed) == 6
    for name, data in addressed.items():
        assert name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def test_an_image_runs_its_one_program(programs: list[images.Image], tmp_path: Path) -> None:
    """From index to layer: names, entry point, and the program's bytes, executable."""
    images.archive(programs, tmp_path / "all.tar", "aarch64")
    blobs = _blobs(tmp_path / "all.tar")

    def blob(descriptor: dict[str, Any]) -> bytes:
        data = blobs[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
        assert len(data) == descriptor["size"]
        return data

    index = json.loads(blobs["index.json"])
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    names = [each["annotations"]["io.containerd.image.name"] for each in index["manifests"]]
    assert names == ["ekiben.invalid/pause:1", "ekiben.invalid/coredns:1"]
    manifest = json.loads(blob(index["manifests"][1]))
    config = json.loads(blob(manifest["config"]))
    assert config["architecture"] == "arm64"
    assert config["config"]["Entrypoint"] == ["/coredns"]
    layer = blob(manifest["layers"][0])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        entry = tar.getmember("coredns")
        assert entry.mode == 0o755
        assert tar.extractfile(entry).read() == b"coredns" * 1000  # type: ignore[union-attr]


def test_the_same_programs_give_the_same_bytes(programs: list[images.Image], tmp_path: Path) -> None:
    """No clock and no user in the archive."""
    for name in ("one.tar", "two.tar"):
        images.archive(programs, tmp_path / name, "x86_64")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_missing_program_leaves_no_archive(tmp_path: Path) -> None:
    """Whole or not at all, and no scraps beside it."""
    with pytest.raises(FileNotFoundError):
        images.archive([images.Image("x:1", tmp_path / "absent")], tmp_path / "all.tar", "x86_64")
    assert list(tmp_path.iterdir()) == []
