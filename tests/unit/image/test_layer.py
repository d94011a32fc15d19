"""Layers: the same bytes for the same content, whoever makes them, wherever and whenever."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from ekiben.errors import ConfigError
from ekiben.image import layer, tree


def written(entries: list[tree.Entry]) -> tuple[layer.Layer, bytes]:
    """A layer and its blob."""
    out = io.BytesIO()
    return layer.write("test", entries, out), out.getvalue()


def folder(root: Path, *, backwards: bool, umask: int, seconds: int) -> Path:
    """The same three files, made in another way each time."""
    before = os.umask(umask)
    try:
        names = ["b/run.sh", "a.txt", "b/c/deep.txt"]
        for name in reversed(names) if backwards else names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            os.utime(path, (seconds, seconds))
        (root / "b/run.sh").chmod(0o700)
        (root / "link").symlink_to("a.txt")
    finally:
        os.umask(before)
    return root


def test_a_layer_does_not_depend_on_time_umask_place_or_order(tmp_path: Path) -> None:
    """Two folders with the same content give the same digest."""
    one = folder(tmp_path / "one", backwards=False, umask=0o022, seconds=1)
    other = folder(tmp_path / "elsewhere", backwards=True, umask=0o077, seconds=2_000_000_000)
    assert written(list(tree.walk(one, "opt")))[0] == written(list(tree.walk(other, "opt")))[0]


def test_another_content_gives_another_digest(tmp_path: Path) -> None:
    """One changed byte changes both names of the layer."""
    root = folder(tmp_path, backwards=False, umask=0o022, seconds=1)
    before, _ = written(list(tree.walk(root, "opt")))
    (root / "a.txt").write_text("a.txT")
    after, _ = written(list(tree.walk(root, "opt")))
    assert before.digest != after.digest
    assert before.diff_id != after.diff_id


def test_the_names_are_hashes_of_the_blob_and_of_the_tar_inside(tmp_path: Path) -> None:
    """`digest` is of what is sent, `diff_id` of what it unpacks to; gzip carries no time."""
    made, blob = written(list(tree.walk(folder(tmp_path, backwards=False, umask=0, seconds=1), "opt")))
    inner = gzip.decompress(blob)
    assert made.digest == "sha256:" + hashlib.sha256(blob).hexdigest()
    assert made.diff_id == "sha256:" + hashlib.sha256(inner).hexdigest()
    assert (made.compressed_bytes, made.unpacked_bytes) == (len(blob), len(inner))
    assert blob[4:8] == b"\0\0\0\0"


def test_a_layer_unpacks_to_what_went_in(tmp_path: Path) -> None:
    """Files, links and folders are there, of root, of the epoch, 0644 or 0755, parents included."""
    root = folder(tmp_path, backwards=False, umask=0, seconds=1)
    _, blob = written(
        [*tree.walk(root, "opt/x"), tree.file("etc/passwd", b"root\n"), tree.folder("tmp", mode=0o1777)]
    )
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        found = {member.name: member for member in tar}
        content = tar.extractfile("opt/x/b/c/deep.txt")
        assert content is not None
        assert content.read() == b"b/c/deep.txt"
    assert list(found) == sorted(found, key=lambda name: name.split("/"))
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in found.values()} == {(0, 0, "", "", 0)}
    modes = {name: found[name].mode for name in ("opt", "opt/x/a.txt", "opt/x/b/run.sh", "tmp", "etc/passwd")}
    assert modes == {
        "opt": 0o755,
        "opt/x/a.txt": 0o644,
        "opt/x/b/run.sh": 0o755,
        "tmp": 0o1777,
        "etc/passwd": 0o644,
    }
    assert found["opt/x/link"].linkname == "a.txt"
    assert found["opt/x/b/c"].isdir()


def test_long_paths_stay_whole() -> None:
    """A path longer than ustar's 255 characters comes back as it was."""
    path = "/".join(["folder-with-a-long-name"] * 20) + "/file"
    _, blob = written([tree.file(path, b"1")])
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        assert path in tar.getnames()


def test_two_contents_for_one_path_are_refused() -> None:
    """A path that two sources claim differently is an error; the same twice is not."""
    same = [tree.file("a", b"1"), tree.file("a", b"1")]
    assert len(tree.whole(same)) == 1
    with pytest.raises(ConfigError, match="/a"):
        tree.whole([tree.file("a", b"1"), tree.file("a", b"2")])


def test_a_socket_is_refused(tmp_path: Path) -> None:
    """What is neither file, folder nor link cannot be packed."""
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(tmp_path / "s"))
        with pytest.raises(ConfigError, match="socket"):
            list(tree.walk(tmp_path, "opt"))


def test_what_is_refused_takes_its_content_along(tmp_path: Path) -> None:
    """`keep` is asked for folders too."""
    root = folder(tmp_path, backwards=False, umask=0, seconds=1)
    paths = {entry.path for entry in tree.walk(root, "", keep=lambda path: path != "b")}
    assert paths == {"a.txt", "link"}
