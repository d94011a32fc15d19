"""Registry credentials, read as docker and podman write them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ekiben.clients import credentials
from ekiben.errors import ConfigError

SECRET = "hunter2:with-colon"  # noqa: S105  # of a test


def packed(text: str) -> str:
    """As `docker login` stores it."""
    return base64.b64encode(text.encode()).decode()


def stored(folder: Path, document: object) -> Path:
    """An auth file."""
    path = folder / "auth.json"
    path.write_text(json.dumps(document))
    return path


def test_a_login_is_found_by_the_registrys_name(tmp_path: Path) -> None:
    """The password may hold colons; another registry's entry is not taken."""
    file = stored(
        tmp_path,
        {"auths": {"r:1": {"auth": packed(f"me:{SECRET}")}, "r": {"auth": packed("you:x")}, "empty": {}}},
    )
    found = credentials.login("r:1", file)
    assert found == credentials.Login("me", SECRET)
    assert credentials.login("other:1", file) is None
    assert credentials.login("empty", file) is None
    assert credentials.login("r:1", None) is None


def test_docker_hubs_old_name_is_found(tmp_path: Path) -> None:
    """`docker login` without a name stores a URL."""
    file = stored(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": packed("me:x")}}})
    assert credentials.login("docker.io", file) == credentials.Login("me", "x")


def test_a_login_does_not_show_its_secret() -> None:
    """Neither in a log nor in a traceback; the header does carry it."""
    found = credentials.Login("me", SECRET)
    assert SECRET not in f"{found!r} {found}"
    assert found.basic() == "Basic " + packed(f"me:{SECRET}")


@pytest.mark.parametrize(
    "text", ["", "hunter2", "[]", '{"auths": []}', '{"auths": {"r:1": {"auth": "hunter2!"}}}',
             json.dumps({"auths": {"r:1": {"auth": packed("hunter2")}}})],
)  # fmt: skip
def test_a_wrong_file_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    """The message says how to make a right one; nothing of the content is in the error or its cause."""
    file = tmp_path / "auth.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as found:
        credentials.login("r:1", file)
    assert "podman login" in found.value.remedy
    assert "hunter2" not in str(found.value)
    assert found.value.__cause__ is None
    assert found.value.__suppress_context__ or found.value.__context__ is None


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match=r"none\.json"):
        credentials.login("r:1", tmp_path / "none.json")


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By docker's protocol: the name on standard input, JSON back; a failure means none."""
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        '#!/bin/sh\n[ "$1" = get ] || exit 2\nread name\n'
        '[ "$name" = r:1 ] && echo \'{"Username": "me", "Secret": "x"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    by_name = stored(tmp_path, {"credHelpers": {"r:1": "test", "r:2": "test"}})
    assert credentials.login("r:1", by_name) == credentials.Login("me", "x")
    assert credentials.login("r:2", by_name) is None
    for_all = stored(tmp_path, {"credsStore": "test"})
    assert credentials.login("r:1", for_all) == credentials.Login("me", "x")


def test_the_usual_files_are_found_in_the_engines_order(tmp_path: Path) -> None:
    """The named one, then podman's, then docker's."""
    docker = tmp_path / "docker/config.json"
    podman = tmp_path / "run/containers/auth.json"
    environment = {
        "HOME": str(tmp_path), "DOCKER_CONFIG": str(docker.parent), "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }  # fmt: skip
    assert credentials.default_file(environment) is None
    for path in (docker, podman):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        assert credentials.default_file(environment) == path
    named = tmp_path / "named.json"
    assert credentials.default_file({**environment, "REGISTRY_AUTH_FILE": str(named)}) is None
    named.write_text("{}")
    assert credentials.default_file({**environment, "REGISTRY_AUTH_FILE": str(named)}) == named
