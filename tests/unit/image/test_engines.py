"""Who pushes, and what they are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ekiben.clients.registry import Access
from ekiben.errors import ConfigError, ToolError
from ekiben.image import engines


@pytest.mark.parametrize("wanted", ["auto", "docker", "podman", "buildah"])
def test_without_an_engine_the_error_says_what_to_install(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without any of them gets exit code 3 and a remedy."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="buildah" if wanted == "auto" else wanted) as found:
        engines.choose(wanted)
    assert "apt-get install buildah" in found.value.remedy


def test_the_first_engine_that_answers_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is there but does not work, such as docker without its daemon, is passed over."""
    for name, status in (("buildah", 1), ("podman", 0), ("docker", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engines.choose("auto").name == "podman"


def test_docker_takes_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads one platform: refused by name, and passed over where any will do."""
    for name, status in (("buildah", 1), ("podman", 0), ("docker", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="docker loads an image of one platform") as found:
        engines.choose("docker", platforms=2)
    assert "podman" in found.value.remedy
    (tmp_path / "podman").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ToolError, match="expected buildah, podman to push"):
        engines.choose("auto", platforms=2)


def test_credentials_are_passed_as_a_file(tmp_path: Path) -> None:
    """The auth file is named, its content is in no argument; a private CA is a folder of its own."""
    auth, certificate = tmp_path / "auth.json", tmp_path / "mine.pem"
    auth.write_text('{"auths": {"r:1": {"auth": "c2VjcmV0"}}}')
    certificate.write_text("PEM")
    flags = engines._access(Access("r:1", certificate, auth), tmp_path)
    assert flags[:3] == ["--tls-verify=true", "--authfile", str(auth)]
    assert (Path(flags[flags.index("--cert-dir") + 1]) / "ca.crt").read_text() == "PEM"
    assert "c2VjcmV0" not in " ".join(flags)


def test_plain_http_is_said_only_where_it_was_allowed(tmp_path: Path) -> None:
    """TLS is verified unless the access says plain."""
    assert engines._access(Access("r:1"), tmp_path) == ["--tls-verify=true"]
    assert engines._access(Access("r:1", plain=True), tmp_path) == ["--tls-verify=false"]


def test_podman_gets_a_short_folder_wherever_the_cache_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runroot has at most 50 characters, is there while it runs, and is gone afterwards."""
    (tmp_path / "podman").write_text(
        f'#!/bin/sh\n[ ${{#4}} -le 50 ] && [ -d "$4" ] && echo "$4" >> {tmp_path}/seen\n'
    )
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    room = tmp_path / ("a" * 60)
    room.mkdir()
    engines.Lists("podman").push(engines.Parcel(tmp_path, "r:1/x", "v", Access("r:1"), room))
    seen = set((tmp_path / "seen").read_text().splitlines())
    assert len(seen) == 1
    assert not Path(seen.pop()).exists()
