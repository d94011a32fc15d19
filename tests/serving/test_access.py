"""Access control of a running pod: every route but the probes asks, keys are changed while it serves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import ROOT
from tests.serving.pod import HOST, JSON, Pod, running
from tests.unit.serving.access import made

ROW = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
WEB, READER = made.key_text("web"), made.key_text("reader")
PROGRAM = ROOT / "helm" / "model-server" / "files" / "predict.py"


def token(**changes: object) -> str:
    """A token of ten minutes, by the machine's own clock."""
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600}
    return made.token(made.claims(**{**times, **changes}), made.rsa_key("cluster")).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the chart mounts."""
    found = tmp_path_factory.mktemp("access")
    made.write(found, "jwks-0.json", {"keys": [made.jwk(made.rsa_key("cluster"), "cluster")]})
    made.write(found, "policy.json", made.policy(made.issuer()))
    records = [made.key_record(WEB, ["predict"]), made.key_record(READER, ["metadata"])]
    made.write(found, "keys.json", made.key_file(*records))
    return found


@pytest.fixture(scope="module")
def guarded(artefact: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A pod that asks for credentials."""
    more = {"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(folder)}
    with running(artefact, tmp_path_factory.mktemp("guarded"), **more) as pod:
        yield pod


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"), ("POST", "/v1/models/iris:predict"), ("GET", "/v1/models/iris"),
        ("POST", "/v2/models/iris/infer"), ("GET", "/v2"), ("GET", "/v2/models/iris"),
        ("POST", "/invocations"),
        ("GET", "/openapi.json"), ("GET", "/docs"),
    ],
)  # fmt: skip
def test_every_route_asks(guarded: Pod, method: str, path: str) -> None:
    """Without a credential, and with a wrong one: 401 and a challenge, whatever the protocol."""
    for headers in ({}, {"X-API-Key": WEB + "0"}, {"Authorization": "Bearer a.b.c"}):
        reply = guarded.request(method, path, ROW if method == "POST" else None, {**JSON, **headers})
        assert reply.status == 401
        sent = {name.lower(): value for name, value in reply.headers.items()}
        assert sent["www-authenticate"] == 'Bearer realm="ekiben"'
        assert WEB.encode() not in reply.body


def test_probes_are_never_asked(guarded: Pod) -> None:
    """The kubelet has no credential."""
    assert [guarded.request("GET", path).status for path in ("/livez", "/readyz")] == [200, 200]


def test_a_credential_opens_its_group_and_no_other(guarded: Pod) -> None:
    """A key to predict, a key for metadata, a token for both, a token for nothing."""
    stranger = token(sub="system:serviceaccount:db:backup")
    statuses = [
        (
            guarded.predict(ROW, {**JSON, "Authorization": f"Bearer {text}"}).status,
            guarded.request("GET", "/v2/models/iris", None, {"X-API-Key": text}).status,
        )
        for text in (WEB, READER, token(), stranger, token(exp=int(time.time()) - 60), token(aud="other"))
    ]
    assert statuses == [(200, 403), (403, 200), (200, 200), (403, 403), (401, 401), (401, 401)]


def test_a_key_is_rotated_while_the_pod_serves(guarded: Pod, folder: Path) -> None:
    """No request with a valid key fails, and the old one is refused within seconds of the change."""
    new = made.key_text("web", 1)
    other = made.key_record(READER, ["metadata"])

    def statuses(*keys: str) -> list[int]:
        return [guarded.predict(ROW, {**JSON, "X-API-Key": key}).status for key in keys]

    assert statuses(WEB, new) == [200, 401]
    made.write(folder, "keys.json", made.key_file(other, made.key_record(new)))
    end = time.monotonic() + 10
    while (found := statuses(WEB, new)) != [401, 200]:
        assert found == [200, 401]  # one or the other, never neither
        assert time.monotonic() < end
        time.sleep(0.1)
    made.write(folder, "keys.json", made.key_file(other, made.key_record(WEB)))
    while statuses(WEB) != [200]:
        assert time.monotonic() < end + 10
        time.sleep(0.1)


def test_helm_tests_program_calls_with_its_key(guarded: Pod, artefact: Path, tmp_path: Path) -> None:
    """With the key every golden row is right; without one it says what is missing."""
    key = tmp_path / "key"

    def run() -> subprocess.CompletedProcess[str]:
        environment = {
            "URL": f"http://{HOST}:{guarded.port}", "ARTEFACT": "", "TIMEOUT_SECONDS": "5",
            "EKIBEN_ARTEFACT": str(artefact), "KEY_FILE": str(key),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, str(PROGRAM)], env=environment, capture_output=True, text=True, check=False
        )

    refused = run()
    assert refused.returncode == 1
    assert "access.verifySecretName" in refused.stderr
    key.write_text(WEB + "\n")
    done = run()
    assert (done.returncode, "every answer is right" in done.stdout) == (0, True)


def test_nothing_secret_is_logged(guarded: Pod) -> None:
    """Neither keys nor tokens nor their hashes are in what the pod writes."""
    secret = token()
    guarded.predict(ROW, {**JSON, "X-API-Key": WEB})
    guarded.predict(ROW, {**JSON, "Authorization": f"Bearer {secret}"})
    guarded.predict(ROW, {**JSON, "Authorization": "Bearer ekiben_web_hunter2"})
    said = guarded.log.read_text() + guarded.scrape()
    assert "access control is on: 2 keys, 1 issuers" in said
    hashed = made.key_record(WEB)["sha256"]
    assert [text for text in (WEB[11:], secret.split(".")[2], "hunter2", hashed) if text in said] == []


def test_a_pod_says_loudly_that_it_asks_nobody(pod: Pod) -> None:
    """The default, in capitals, at the start."""
    assert "ACCESS CONTROL IS OFF" in pod.log.read_text()


def test_a_broken_secret_is_why_a_pod_does_not_start(artefact: Path, tmp_path: Path) -> None:
    """Exit 2, and the termination log says which file, without its content."""
    made.write(tmp_path, "keys.json", b'{"format": 1, "keys": "hunter2"}')
    (tmp_path / "pod").mkdir()
    log = tmp_path / "pod" / "termination-log"
    log.touch()
    environment = {
        "EKIBEN_ARTEFACT": str(artefact), "EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(tmp_path),
        "EKIBEN_TERMINATION_LOG": str(log), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ekiben.serving"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "keys.json: expected keys" in log.read_text()
    assert "hunter2" not in done.stderr + log.read_text()
