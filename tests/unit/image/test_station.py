"""How the station reaches a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.config import Image
from ekiben.errors import ConfigError
from ekiben.image.station import access_of


@pytest.mark.parametrize(
    ("host", "fields", "plain"),
    [
        ("127.0.0.1:5000", {}, True),
        ("localhost:5000", {}, True),
        ("[::1]:5000", {}, True),
        ("127.0.0.1:5000", {"ca_file": "/etc/ca.pem"}, False),
        ("registry.example:5000", {}, False),
        ("192.0.2.1:5000", {}, False),
        ("registry.example:5000", {"insecure": True}, True),
        ("registry.example:5000", {"insecure": True, "ca_file": "/etc/ca.pem"}, False),
    ],
)
def test_plain_http_is_for_this_machine_or_on_demand(
    host: str, fields: dict[str, object], plain: bool
) -> None:
    """Another machine gets TLS; a CA certificate always means TLS."""
    assert access_of(Image.model_validate({"repository": "x", **fields}), host).plain is plain


def test_no_registry_is_an_error_with_a_remedy() -> None:
    """Neither the file nor the cluster named one."""
    with pytest.raises(ConfigError) as found:
        access_of(Image.model_validate({"repository": "x"}), "")
    assert "--registry" in found.value.remedy


def test_files_are_taken_from_the_home_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in a path is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    image = Image.model_validate({"repository": "x", "ca_file": "~/ca.pem", "auth_file": "~/auth.json"})
    access = access_of(image, "r:1")
    assert (access.ca_file, access.auth_file) == (tmp_path / "ca.pem", tmp_path / "auth.json")
