"""k8s/admission on a cluster: images of one registry, by digest, where a namespace's label asks for it.

The policy is the whole cluster's, its binding is not: namespaces without the label see nothing of it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.rig import Rig, wait

SHIPPED = Path(__file__).resolve().parents[2] / "k8s" / "admission"
LABEL = "ekiben.dev/images=by-digest"
SECONDS = 30  # until an API server knows a policy, or that it is gone


@dataclass(frozen=True)
class Guarded:
    """A namespace under the policy.

    Attributes:
        rig: The cluster.
        namespace: With the label.
        image: Of the named registry, by digest.
    """

    rig: Rig
    namespace: str
    image: str

    def refusal(self, image: str, namespace: str = "", *, dry: bool = True, **containers: Any) -> str:
        """What the API server says against a pod of this image; empty if it takes it."""
        done = self.rig.kubectl(
            "-n", namespace or self.namespace, "create", *(["--dry-run=server"] if dry else []),
            "-o", "name", "-f", "-", stdin=json.dumps(_pod(image, **containers)), check=False,
        )  # fmt: skip
        return "" if done.startswith("pod/") else done

    def known(self) -> bool:
        """Whether it refuses a tag, and nothing refuses a digest: a namespace without its account does."""
        return "images-by-digest" in self.refusal(_tagged(self.image)) and self.refusal(self.image) == ""


def _pod(image: str, **containers: Any) -> dict[str, Any]:
    main = {"name": "main", "image": image, "command": ["/usr/bin/python3", "-c", "pass"]}
    spec = {"automountServiceAccountToken": False, "restartPolicy": "Never", "containers": [main]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"tried-{secrets.token_hex(2)}"},
        "spec": {**spec, **containers},
    }


@pytest.fixture(scope="module")
def folder(image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy as it is shipped, with the registry of the tests' image in it."""
    found = tmp_path_factory.mktemp("admission").resolve()
    registry = _repository(image["image"]).rpartition("/")[0]
    change = [{"op": "replace", "path": "/spec/variables/0/expression", "value": f"'{registry}'"}]
    document = {
        "resources": [os.path.relpath(SHIPPED, found)],
        "patches": [{"target": {"kind": "ValidatingAdmissionPolicy"}, "patch": json.dumps(change)}],
    }
    (found / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def guarded(rig: Rig, image: dict[str, Any], folder: Path) -> Iterator[Guarded]:
    """A namespace under the policy; both are taken away at the end."""
    namespace = f"e2e-admission-{secrets.token_hex(2)}"
    found = Guarded(rig, namespace, image["image"])
    rig.kubectl("create", "namespace", namespace)
    try:
        rig.kubectl("apply", "-k", str(folder))
        rig.kubectl("label", "namespace", namespace, LABEL)
        wait(found.known, SECONDS, "the policy to be known")
        yield found
    finally:
        rig.kubectl("delete", "-k", str(folder), "--ignore-not-found")
        rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def _repository(image: str) -> str:
    return image.partition("@")[0]


def _tagged(image: str) -> str:
    return f"{_repository(image)}:1"


def test_a_tag_and_another_registry_are_refused_and_a_digest_is_taken(guarded: Guarded) -> None:
    """Each refusal names the image and what was expected; a pod of the digest is really made."""
    digest = guarded.image.partition("@")[2]
    evil = f"registry.example.com/ekiben/iris@{digest}"
    for image in (_tagged(guarded.image), evil):
        said = guarded.refusal(image)
        assert "images-by-digest" in said
        assert f"by digest (@sha256:...), found {image}" in said
    assert guarded.refusal(guarded.image, dry=False) == ""


def test_an_init_container_is_looked_at_too(guarded: Guarded) -> None:
    """One wrong image beside a right one is refused, and only it is named."""
    init = [{"name": "first", "image": _tagged(guarded.image)}]
    said = guarded.refusal(guarded.image, initContainers=init)
    assert said.rstrip().endswith(f"found {_tagged(guarded.image)}")


def test_a_namespace_without_the_label_is_left_alone(guarded: Guarded) -> None:
    """A tag is taken there."""
    assert guarded.refusal(_tagged(guarded.image), namespace="default") == ""


def test_it_goes_and_comes_again(guarded: Guarded, folder: Path) -> None:
    """The policy gone, a tag is taken; there again, a tag is refused and a digest taken, as before."""
    rig = guarded.rig
    rig.kubectl("delete", "-k", str(folder))
    wait(lambda: guarded.refusal(_tagged(guarded.image)) == "", SECONDS, "the policy to be gone")
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    names = {each["metadata"]["name"] for each in rig.get(kinds)["items"]}
    assert "images-by-digest" not in names
    rig.kubectl("apply", "-k", str(folder))
    wait(guarded.known, SECONDS, "the policy to be known again")
