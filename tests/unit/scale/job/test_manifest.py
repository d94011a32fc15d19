"""The load's objects: valid, restricted, no replica of the release, and admitted as its caller."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ekiben.errors import ConfigError
from ekiben.scale.job import manifest
from ekiben.scale.job.description import Description
from ekiben.scale.job.manifest import Objects
from ekiben.scale.job.place import Place, place_of
from ekiben.scale.job.pod import Program, resources
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import LoadTarget

BASE = Path(__file__).resolve().parents[4] / "k8s" / "base"
MINORS = ("1.33", "1.35", "1.37")
IMAGE = "registry.example.com/ekiben/iris@sha256:" + "0a" * 32
ZIP = b"PK\x03\x04 a program"


def base(name: str) -> dict[str, Any]:
    """An object of the chart, as it is rendered for those without Helm."""
    found: dict[str, Any] = yaml.safe_load((BASE / f"{name}.yaml").read_text())
    return found


def place(**spec: Any) -> Place:
    """Where the chart's own Deployment runs."""
    deployment = base("deployment")
    deployment["spec"]["template"]["spec"] |= spec
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    return place_of("models", "iris", deployment)


def told(load: Load | None = None, **fields: Any) -> Description:
    """A load of the Service's cluster address."""
    where = LoadTarget("http://10.96.0.7:80/predict", (b"{}",), networks=("10.0.0.0/8",), **fields)
    return Description(where, load or Load((Segment(20, 60),)))


def made(where: Place | None = None, what: Description | None = None, **options: Any) -> Objects:
    program = Program("python3.11", "opt/ekiben/site")
    return manifest.objects(where or place(), what or told(), ZIP, program, digits="0a1b2c", **options)


def template(found: Objects) -> dict[str, Any]:
    one: dict[str, Any] = found.job["spec"]["template"]
    return one


def container(found: Objects) -> dict[str, Any]:
    one: dict[str, Any] = template(found)["spec"]["containers"][0]
    return one


FULL = {
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "models", "operator": "Exists", "effect": "NoSchedule"}],
}


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("spec", [{}, FULL], ids=["chart", "everything"])
def test_every_object_is_valid(minor: str, spec: dict[str, Any]) -> None:
    """Strictly by Kubernetes' own schemas, with and without what a release may have."""
    found = made(place(**spec), told(headers={"X-API-Key": "k"}), authority="PEM")
    assert [one["kind"] for one in (found.job, *found.owned)] == ["Job", "ConfigMap", "Secret"]
    for one in (found.job, *found.owned):
        kubernetes_validate.validate(one, minor, strict=True)


def test_the_pod_is_restricted() -> None:
    """Each demand of Pod Security *restricted* is met by the pod itself.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    found = made()
    spec, one = template(found)["spec"], container(found)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    kinds = {kind for volume in spec["volumes"] for kind in volume} - {"name"}
    assert kinds <= {"emptyDir", "configMap", "secret"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert "ports" not in one
    assert spec["automountServiceAccountToken"] is False
    assert one["securityContext"]["readOnlyRootFilesystem"] is True


def test_it_runs_as_the_replicas_run() -> None:
    """Image, user, account, pull secrets and nodes are what this cluster took for the release."""
    found = made(place(**FULL))
    spec = template(found)["spec"]
    assert container(found)["image"] == IMAGE
    assert spec["serviceAccountName"] == "iris"
    assert {key: spec[key] for key in FULL} == FULL
    ids = {key: spec["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")}
    assert ids == {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}


def test_where_the_cluster_gives_the_user_none_is_asked_for() -> None:
    """As OpenShift wants it: a release without runAsUser has a load without one."""
    spec = template(made(place(securityContext={"runAsNonRoot": True})))["spec"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(spec["securityContext"])


@pytest.mark.parametrize("name", ["service", "poddisruptionbudget", "deployment", "networkpolicy"])
def test_no_selector_of_the_release_takes_the_pod(name: str) -> None:
    """It gets no traffic, is counted by no HPA, and holds no eviction up."""
    spec = base(name)["spec"]
    selector = spec.get("selector") or spec["podSelector"]
    wanted = selector.get("matchLabels") or selector
    assert wanted["app.kubernetes.io/instance"] == "iris"
    assert not wanted.items() <= template(made())["metadata"]["labels"].items()


def test_the_release_lets_the_pod_call() -> None:
    """By the chart's default, and by the label for a policy that names its callers."""
    labels = template(made())["metadata"]["labels"]
    peers = base("networkpolicy")["spec"]["ingress"][0]["from"]
    here = [one["podSelector"].get("matchLabels", {}) for one in peers if "namespaceSelector" not in one]
    assert any(wanted.items() <= labels.items() for wanted in here)
    [caller] = [one["namespaceSelector"]["matchLabels"] for one in peers if "ekiben.dev/caller" in str(one)]
    assert caller.items() <= labels.items()


def test_nothing_of_it_is_taken_for_a_record_or_a_replica() -> None:
    """Records and carried models are found by labels; the load's objects have not all of either."""
    for labels in ({**one["metadata"]["labels"]} for one in (made().job, *made().owned)):
        assert "ekiben.dev/release" not in labels
        assert labels["app.kubernetes.io/name"] != "model-server"


def test_the_key_stands_in_the_secret_alone() -> None:
    """Neither in the words of the command, nor in a variable, nor in the ConfigMap."""
    found = made(what=told(headers={"X-API-Key": "s3cret-k"}))
    config, secret = found.owned
    assert "s3cret-k" not in json.dumps([found.job, config])
    [data] = secret["data"].values()
    assert json.loads(base64.b64decode(data)) == {"X-API-Key": "s3cret-k"}
    [mount] = [one for one in container(found)["volumeMounts"] if one["name"] == "headers"]
    assert container(found)["command"][-1].startswith(f"{mount['mountPath']}/")
    assert [len(made().owned), len(container(made())["command"])] == [1, len(container(found)["command"]) - 1]


def test_the_archive_comes_before_the_image_on_the_path() -> None:
    """Mounted read-only, and found first."""
    found = made()
    [variable] = container(found)["env"]
    first, _, rest = variable["value"].partition(":")
    [config] = found.owned
    folder, _, name = first.rpartition("/")
    assert base64.b64decode(config["binaryData"][name]) == ZIP
    [mount] = [one for one in container(found)["volumeMounts"] if one["mountPath"] == folder]
    assert mount["readOnly"] is True
    assert (variable["name"], rest) == ("PYTHONPATH", "/opt/ekiben/site")


def test_the_job_ends_by_itself_and_is_not_tried_again() -> None:
    """After the load, its last time-out and a start that pulls the image; then the cluster takes it away."""
    spec = made(what=told(Load((Segment(20, 600),)), timeout_seconds=30)).job["spec"]
    assert spec["backoffLimit"] == 0
    assert 630 + manifest.START_SECONDS < spec["activeDeadlineSeconds"] < 630 + manifest.START_SECONDS + 300
    assert 0 < spec["ttlSecondsAfterFinished"] <= 600


@pytest.mark.parametrize(
    ("load", "senders", "cpu", "least_mebibytes"),
    [
        (Load((Segment(20, 60),)), 1, 100, 64),
        (Load((Segment(0, 60, end_rate=2000),)), 1, 400, 64 + 60_000 * 274 / 2**20),
        (Load((Segment(5000, 400),)), 1, 1000, 64 + 2_000_000 * 274 / 2**20),
        (Load((Segment(1, 86_400),)), 1, 100, 64 + 86_400 * 924 / 2**20),
        (Load((Segment(20, 60),)), 4, 100, 5 * 64),
    ],
)
def test_the_pod_asks_for_what_the_load_needs(
    load: Load, senders: int, cpu: int, least_mebibytes: float
) -> None:
    """CPU by the highest rate up to a core per sender, memory by what was measured of each part."""
    found = resources(replace(told(load), senders=senders))
    assert found["requests"]["cpu"] == f"{cpu}m"
    assert found["limits"]["cpu"] == str(senders)
    assert float(found["requests"]["memory"].removesuffix("Mi")) >= least_mebibytes
    assert found["limits"]["memory"] == found["requests"]["memory"]


def test_a_call_over_grpc_asks_for_more() -> None:
    """Its client was measured to take 0.94 ms of CPU per request at 200/s."""
    found = resources(told(Load((Segment(200, 60),)), protocol="grpc"))
    assert 188 <= int(found["requests"]["cpu"].removesuffix("m")) <= 300
    found = resources(told(Load((Segment(3000, 60),)), protocol="grpc"))
    assert (found["requests"]["cpu"], found["limits"]["cpu"]) == ("1000m", "1")


def test_names_stay_names() -> None:
    """The chart takes releases of up to 53 characters; a name ends with no dash before what is added."""
    name = made(Place("models", "a" * 49 + "-bcd", IMAGE)).name
    assert name == "a" * 49 + "-load-0a1b2c"
    assert len(made(Place("models", "a" * 53, IMAGE)).name) <= 63  # a label's value


def test_more_than_a_config_map_holds_is_refused() -> None:
    """Before anything is made, with the sizes."""
    large = Description(LoadTarget("http://127.0.0.1/", (b"x" * 800_000,)), Load((Segment(1, 1),)))
    with pytest.raises(ConfigError, match="1048576 bytes"):
        made(what=large)
