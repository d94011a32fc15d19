"""What the load's pod has in common with the replicas: image, pull secrets, user, nodes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_IDENTITIES = ("runAsUser", "runAsGroup", "fsGroup")


@dataclass(frozen=True, slots=True)
class Place:
    """What the load's pod has in common with the replicas.

    Attributes:
        namespace: Namespace of the release.
        release: Its name.
        image: What the replicas run.
        selector: Labels of the replicas, whose nodes the pod avoids where it can.
        pull_secrets: What the image is pulled with.
        account: The replicas' ServiceAccount, which may have pull secrets too; the pod gets no token of it.
        identities: User and groups that the cluster admitted the replicas with.
        node_selector: Nodes that can run the image.
        tolerations: Of those nodes' taints.
    """

    namespace: str
    release: str
    image: str
    selector: Mapping[str, str] = field(default_factory=dict)
    pull_secrets: tuple[Mapping[str, str], ...] = ()
    account: str = "default"
    identities: Mapping[str, int] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


def place_of(namespace: str, release: str, deployment: Mapping[str, Any]) -> Place:
    """Read a release's Deployment, as the API has it.

    Args:
        namespace: Namespace of the release.
        release: Its name.
        deployment: Its Deployment.
    """
    spec = deployment["spec"]["template"]["spec"]
    given = spec.get("securityContext") or {}
    return Place(
        namespace,
        release,
        spec["containers"][0]["image"],
        deployment["spec"]["selector"]["matchLabels"],
        tuple(spec.get("imagePullSecrets") or ()),
        spec.get("serviceAccountName") or "default",
        {key: given[key] for key in _IDENTITIES if given.get(key) is not None},
        spec.get("nodeSelector") or {},
        tuple(spec.get("tolerations") or ()),
    )
