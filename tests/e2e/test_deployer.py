"""The deployer's Role on a cluster: all that a release needs, in one namespace, and nothing else anywhere."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.rig import Project, Rig

FOLDER = Path(__file__).resolve().parents[2] / "k8s" / "deployer"
ACCOUNT = "ekiben-deployer"
# Questions about oneself, which Kubernetes lets everybody ask who is known to it.
# Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles (system:basic-user).
OF_EVERYBODY = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
}
Right = tuple[str, str, str]


@pytest.fixture(scope="module")
def deployer(
    project: Project, rig: Rig, image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The project in a namespace of its own, at the cluster as the deployer's ServiceAccount."""
    namespace = f"e2e-deployer-{secrets.token_hex(2)}"
    assert image["image"]
    folder = tmp_path_factory.mktemp("deployer")
    rig.kubectl("create", "namespace", namespace)
    rig.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    (folder / "kustomization.yaml").write_text(_in(namespace, folder))
    rig.kubectl("apply", "-k", str(folder))
    token = rig.kubectl("-n", namespace, "create", "token", ACCOUNT, "--duration", "1h").strip()
    address = replace(rig.address, context="deployer", kubeconfig=folder / "kubeconfig")
    (folder / "kubeconfig").write_text(_kubeconfig(rig, token, namespace))
    environment = {
        **project.environment,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "EKIBEN_REGISTRY": rig.address.registry,
        "EKIBEN_IMAGE__INSECURE": str(rig.address.registry_insecure),
        "EKIBEN_PROMETHEUS_URL": rig.address.prometheus_url,
        "EKIBEN_NODE_ADDRESS": rig.address.node_address,
    }
    found = Project.copy(project.root, folder / "project", Rig(address), namespace, environment)
    for station in ("train", "bento", "image"):
        found.ekiben(station, "iris")
    yield found
    rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def _in(namespace: str, folder: Path) -> str:
    """A kustomization of the deployer's objects in this namespace; kustomize wants a relative path."""
    return yaml.safe_dump({"namespace": namespace, "resources": [os.path.relpath(FOLDER, folder.resolve())]})


def _kubeconfig(rig: Rig, token: str, namespace: str) -> str:
    """Where the tests' own kubeconfig leads, with the deployer's token instead of a certificate."""
    raw = json.loads(rig.kubectl("config", "view", "--minify", "--raw", "-o", "json"))
    cluster = raw["clusters"][0]["cluster"]
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "deployer", "cluster": cluster}],
            "users": [{"name": "deployer", "user": {"token": token}}],
            "contexts": [
                {"name": "deployer", "context": {
                    "cluster": "deployer", "user": "deployer", "namespace": namespace}}
            ],
            "current-context": "deployer",
        }
    )  # fmt: skip


def _rights(rig: Rig, namespace: str) -> set[Right]:
    """What `kubectl auth can-i --list` shows, from the same question, as JSON."""
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    # Unvalidated: to validate, an older kubectl lists the cluster's kinds, which is no right of a deployer.
    argv = ("create", "--validate=false", "-o", "json", "-f", "-")
    said = json.loads(rig.kubectl(*argv, stdin=json.dumps(question)))
    assert not said["status"]["incomplete"]
    return {
        (group, resource, verb)
        for rule in said["status"]["resourceRules"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }


def test_its_rights_are_the_roles_and_only_in_its_namespace(deployer: Project) -> None:
    """Exactly the list of `role.yaml`, verb by verb; elsewhere not one of them, and no list of namespaces."""
    role = yaml.safe_load((FOLDER / "role.yaml").read_text())
    listed = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert _rights(deployer.rig, deployer.namespace) - OF_EVERYBODY == listed
    claims = json.loads(base64.urlsafe_b64decode(_token(deployer).split(".")[1] + "=="))
    assert claims["sub"] == f"system:serviceaccount:{deployer.namespace}:{ACCOUNT}"
    for other in ("default", "kube-system"):
        assert _rights(deployer.rig, other) <= OF_EVERYBODY
        said = deployer.rig.kubectl("-n", other, "get", "secrets,pods,deployments", check=False)
        assert said.count("Forbidden") == said.count("cannot list") == 3
    assert "cannot list resource" in deployer.rig.kubectl("get", "namespaces", check=False)
    assert "cannot create resource" in deployer.rig.kubectl("create", "namespace", "mine", check=False)


def _token(deployer: Project) -> str:
    assert deployer.rig.address.kubeconfig is not None
    found = yaml.safe_load(deployer.rig.address.kubeconfig.read_text())
    return str(found["users"][0]["user"]["token"])


def test_it_releases_upgrades_rolls_back_and_uninstalls(deployer: Project, image: dict[str, Any]) -> None:
    """Each by the command that people type, with its token alone; rules, keys and a load are part of it."""
    first = deployer.ekiben("release", "iris")
    assert first["image"] == image["image"]
    assert deployer.rig.get("prometheusrule", "iris", "-n", deployer.namespace)["spec"]["groups"]
    more = {**deployer.environment, "EKIBEN_SCALE__MAX_REPLICAS": "7"}
    other = Project(deployer.root, deployer.rig, deployer.namespace, more)
    other.ekiben("release", "iris")
    assert _most(deployer) == 7
    assert deployer.ekiben("predict", "iris", "--rows", "[[5.1, 3.5, 1.4, 0.2]]")["predictions"] == [0]
    assert deployer.ekiben("status", "iris")["image"] == image["image"]
    sent = deployer.ekiben("loadtest", "iris", "--in-cluster", "--rate", "5", "--seconds", "5")["load"]
    assert (sent["ok"], sent["failed"]) == (sent["planned"], 0)
    deployer.ekiben("key", "create", "iris", "web")
    deployer.ekiben("rollback", "iris")
    assert _most(deployer) != 7
    deployer.ekiben("uninstall", "iris")
    left = deployer.rig.kubectl("-n", deployer.namespace, "get", "deployment", "iris", check=False)
    assert "not found" in left


def _most(deployer: Project) -> int:
    found: int = deployer.rig.get("hpa", "iris", "-n", deployer.namespace)["spec"]["maxReplicas"]
    return found
