"""k8s/admission on a cluster: images of one registry, by digest, where a namespace's label asks for it.

The policy is the whole cluster's, its binding is not: namespaces without the label see nothing of it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.rig import Rig, wait

FOLDER = Path(__file__).resolve().parents[2] / "k8s" / "admission"
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
def guarded(rig: Rig, image: dict[str, Any]) -> Iterator[Guarded]:
    """The policy as it is shipped, for the registry of the tests' image; taken away at the end."""
    namespace = f"e2e-admission-{secrets.token_hex(2)}"
    found = Guarded(rig, namespace, image["image"])
    rig.kubectl("create", "namespace", namespace)
    try:
        rig.kubectl("apply", "-k", str(FOLDER))
        registry = json.dumps({"data": {"registry": _repository(found.image).rpartition("/")[0]}})
        rig.kubectl("-n", "kube-system", "patch", "configmap", "images-by-digest", "--patch", registry)
        rig.kubectl("label", "namespace", namespace, LABEL)
        wait(lambda: found.refusal(_tagged(found.image)) != "", SECONDS, "the policy to be known")
        wait(lambda: found.refusal(found.image) == "", SECONDS, "the policy's registry to be known")
        yield found
    finally:
        rig.kubectl("delete", "-k", str(FOLDER), "--ignore-not-found")
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


def test_without_its_registry_nothing_starts_and_without_the_policy_everything(guarded: Guarded) -> None:
    """Its parameter gone, the digest is refused as well; the policy gone, a tag is taken."""
    rig = guarded.rig
    rig.kubectl("-n", "kube-system", "delete", "configmap", "images-by-digest")
    wait(lambda: guarded.refusal(guarded.image) != "", SECONDS, "pods to be refused without a registry")
    rig.kubectl("delete", "-k", str(FOLDER), "--ignore-not-found")
    wait(lambda: guarded.refusal(_tagged(guarded.image)) == "", SECONDS, "the policy to be gone")
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    names = {each["metadata"]["name"] for each in rig.get(kinds)["items"]}
    assert "images-by-digest" not in names
