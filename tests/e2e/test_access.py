"""Who may call: keys and ServiceAccount tokens from other pods, gRPC, a key that changes under load."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.e2e import load
from tests.e2e.rig import Project, Rig, wait

from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb

ROW = [5.1, 3.5, 1.4, 0.2]
MOUNT_SECONDS = 150  # the kubelet brings a changed Secret within its sync period, a minute, and a bit
CALLER = "caller"


@pytest.fixture(scope="module")
def guarded(
    project: Project, rig: Rig, model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A release of its own that asks for a key, or for a token of a ServiceAccount of its namespace."""
    assert model["tag"]
    namespace = f"{project.namespace}-access"
    issuer = json.loads(rig.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    rule = {"subjects": [f"system:serviceaccount:{namespace}:{CALLER}"], "groups": ["predict"]}
    tokens = {
        "issuer": issuer,
        "audiences": ["iris"],
        "allow": [rule],
        "jwks": {"configMapName": "keys-of-cluster"},
    }
    values = {"server": {"predictor": "auto"}, "access": {"tokens": {"issuers": [tokens]}}}
    own = {key: value for key, value in project.environment.items() if "RELEASE__VALUES" not in key}
    own |= {"EKIBEN_RELEASE__VALUES": json.dumps(values), "EKIBEN_RELEASE__ACCESS": "required"}
    found = Project.copy(project.root, tmp_path_factory.mktemp("guarded") / "project", rig, namespace, own)
    for station in ("train", "bento", "image", "release"):
        found.ekiben(station, "iris")
    jwks = rig.kubectl("get", "--raw", "/openid/v1/jwks")
    rig.kubectl("create", "configmap", "keys-of-cluster", "-n", namespace, f"--from-literal=jwks.json={jwks}")
    for name in (CALLER, "stranger"):
        rig.kubectl("create", "serviceaccount", name, "-n", namespace)
    return found


@pytest.fixture(scope="module")
def key(guarded: Project) -> str:
    """A key that the pods know by now."""
    text: str = guarded.ekiben("key", "create", "iris", "web")["key"]
    wait(lambda: status(guarded, text) == 200, MOUNT_SECONDS, "the new key to be let in")
    return text


def status(guarded: Project, text: str) -> int:
    """Status of a prediction with this credential."""
    request = urllib.request.Request(
        guarded.url(), json.dumps(ROW).encode(), {"Content-Type": "application/json"}
    )
    if text:
        request.add_header("Authorization", f"Bearer {text}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_credential_nobody_is_let_in(guarded: Project, key: str) -> None:
    """None, a made-up one and a good one."""
    assert [status(guarded, text) for text in ("", key[:-1] + ("0" if key[-1] != "0" else "1"), key)] == [
        401,
        401,
        200,
    ]


def test_pods_call_with_keys_and_with_their_own_tokens(
    guarded: Project, rig: Rig, image: dict[str, Any], key: str
) -> None:
    """A pod of the named ServiceAccount is let in by its token, one of another is known and refused."""
    rig.kubectl(
        "create",
        "secret",
        "generic",
        "web-key",
        "-n",
        guarded.namespace,
        "--from-file=key=/dev/stdin",
        stdin=key,
    )
    for name in (CALLER, "stranger"):
        rig.kubectl("apply", "-f", "-", stdin=json.dumps(_pod(guarded, name, image["image"])))
    expected = {CALLER: [200, 401, 200, 401], "stranger": [403, 401, 200, 401]}

    def said(name: str) -> list[int]:
        lines = rig.kubectl("logs", name, "-n", guarded.namespace, check=False).splitlines()
        return json.loads(lines[-1]) if lines and lines[-1].startswith("[") else []

    wait(
        lambda: {name: said(name) for name in expected} == expected, MOUNT_SECONDS, f"pods to see {expected}"
    )


def test_a_load_from_a_job_carries_the_releases_own_key(guarded: Project, key: str) -> None:
    """Every request is let in, and none would be without it."""
    assert key
    measured = guarded.ekiben("loadtest", "iris", "--in-cluster", "--rate", "10", "--seconds", "5")["load"]
    assert (measured["ok"], measured["failed"]) == (measured["planned"], 0), measured["statuses"]
    assert measured["statuses"] == {"200": measured["planned"]}


def _pod(guarded: Project, account: str, image: str) -> dict[str, Any]:
    """A pod that prints, every two seconds, what its token, another audience's, a key and nothing get."""
    program = f"""
import json, time, urllib.error, urllib.request as u
def ask(text):
    headers = {{"Content-Type": "application/json"}}
    r = u.Request("http://iris.{guarded.namespace}.svc.cluster.local/predict", b"{json.dumps(ROW)}", headers)
    if text: r.add_header("Authorization", "Bearer " + text)
    try: return u.urlopen(r, timeout=5).status
    except urllib.error.HTTPError as error: return error.code
read = lambda path: open(path).read().strip()
while True:
    texts = [read("/tokens/iris"), read("/tokens/other"), read("/key/key"), ""]
    print(json.dumps([ask(text) for text in texts]), flush=True)
    time.sleep(2)
"""
    tokens = [
        {"serviceAccountToken": {"audience": audience, "expirationSeconds": 600, "path": audience}}
        for audience in ("iris", "other")
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": account, "namespace": guarded.namespace, "labels": {"app": account}},
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "caller",
                    "image": image,
                    "command": ["/usr/bin/python3", "-c", program],
                    "volumeMounts": [
                        {"name": "tokens", "mountPath": "/tokens"}, {"name": "key", "mountPath": "/key"}
                    ],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
            "volumes": [
                {"name": "tokens", "projected": {"sources": tokens}},
                {"name": "key", "secret": {"secretName": "web-key"}},
            ],
        },
    }  # fmt: skip


def test_grpc_through_the_service(guarded: Project, rig: Rig, key: str) -> None:
    """The Open Inference Protocol over gRPC answers on the Service's port, with a key and not without."""
    spec = rig.get("service", "iris", "-n", guarded.namespace)["spec"]
    port = next(each["port"] for each in spec["ports"] if each["name"] == "grpc")
    request = pb.ModelInferRequest(model_name="iris")
    tensor = request.inputs.add(name="input", datatype="FP64", shape=[1, 4])
    with grpc.insecure_channel(f"{spec['clusterIP']}:{port}") as channel:
        service = "/inference.GRPCInferenceService/"
        metadata = channel.unary_unary(
            service + "ModelMetadata",
            request_serializer=pb.ModelMetadataRequest.SerializeToString,
            response_deserializer=pb.ModelMetadataResponse.FromString,
        )
        infer = channel.unary_unary(
            service + "ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        leave = (("authorization", f"Bearer {key}"),)
        found = metadata(pb.ModelMetadataRequest(name="iris"), metadata=leave, timeout=10)
        tensor.name = found.inputs[0].name
        tensor.contents.fp64_contents.extend(ROW)
        answer = infer(request, metadata=leave, timeout=10)
        outputs = {each.name: each for each in answer.outputs}
        assert list(outputs["predict"].contents.int64_contents) == [0]
        with pytest.raises(grpc.RpcError) as caught:
            infer(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_key_changes_under_load_and_nobody_notices(
    guarded: Project, model: dict[str, Any], key: str
) -> None:
    """Rotated under load with the old key: 0 failed, and the new one is let in; revoked, both are refused."""
    where = load.target(guarded, Path(model["folder"]), headers={"Authorization": f"Bearer {key}"})
    stop = threading.Event()
    with load.running(where, load.steady(20, MOUNT_SECONDS), stop=stop) as done:
        new = guarded.ekiben("key", "rotate", "iris", "web")["key"]
        wait(lambda: status(guarded, new) == 200, MOUNT_SECONDS, "the second key to be let in")
        stop.set()
    assert done[0].failed == 0, done[0].outcomes
    assert done[0].sent > 100
    Rig.figures.append({"key_rotated_under_load": {"requests": done[0].sent, "failed": done[0].failed}})
    guarded.ekiben("key", "revoke", "iris", "web")
    wait(
        lambda: status(guarded, key) == status(guarded, new) == 401,
        MOUNT_SECONDS,
        "revoked keys to be refused",
    )
