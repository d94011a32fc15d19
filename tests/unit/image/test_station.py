"""How the station reaches a registry, and what it sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.clients.registry import Access, Manifest, Registry
from ekiben.config import Image
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag
from ekiben.image import engines, station
from ekiben.image.assembly import Assembled
from ekiben.image.blobs import Blobs
from ekiben.image.platforms import AMD64
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


OURS = Manifest("sha256:ours", {"config": {"digest": "sha256:config"}, "layers": []})


class Held(Registry):
    """A registry as a kill left it: manifests by tag or digest."""

    def __init__(self, **manifests: Manifest) -> None:
        super().__init__(Access("127.0.0.1:1", plain=True))
        self.manifests = {"sha256:ours" if name == "ours" else name: each for name, each in manifests.items()}

    def manifest(self, _: str, reference: str) -> Manifest | None:
        return self.manifests.get(reference)


class Sends:
    """An engine that puts the image under its tag."""

    name = "buildah"

    def __init__(self, registry: Held) -> None:
        self.registry, self.pushed = registry, 0

    def answers(self) -> bool:
        return True

    def push(self, parcel: engines.Parcel) -> None:
        self.pushed += 1
        index = Manifest("sha256:index", {"manifests": [{"digest": OURS.digest}]})
        self.registry.manifests |= {OURS.digest: OURS, parcel.tag: index}


@pytest.mark.parametrize(
    ("held", "pushes"),
    [
        ({}, 1),
        ({"ours": OURS}, 1),  # killed between the image's manifest and the tag's
        ({"ours": OURS, "v1": Manifest("sha256:x", {"manifests": [{"digest": "sha256:old"}]})}, 1),
        ({"ours": OURS, "v1": Manifest("sha256:x", {"manifests": [{"digest": "sha256:ours"}]})}, 0),
        ({"v1": OURS}, 0),  # docker: no index
    ],
)
def test_what_the_registry_has_under_its_tag_is_not_sent_again(
    tmp_path: Path, held: dict[str, Manifest], pushes: int
) -> None:
    """An image that is there by its digest alone is pushed again, so that its tag names it."""
    registry = Held(**held)
    engine = Sends(registry)
    made = Assembled(tmp_path, OURS.digest, "sha256:config", (), "sha256:artefact", AMD64, 2)
    image = Image.model_validate({"repository": "x"})
    found = station._pushed(image, BentoTag("small", "v1"), made, registry, engine, Blobs(tmp_path / "cache"))
    assert (found, engine.pushed) == (OURS, pushes)
    assert registry.manifest("x", "v1") is not None
