from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.serving.pod import HOST, running, starting

from ekiben.artefact.seal import encrypt, keys, sign
from ekiben.serving import artefact as reader

# Records, in a file, what the process writes and what it imported; loaded by Python before anything else.
WATCHER = """
import atexit, os, sys
_log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(_log, f"open {{os.fsdecode(path)}}\\n".encode())
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "shutil.rmtree"):
        os.write(_log, f"{{event}} {{arguments[0]}}\\n".encode())
sys.addaudithook(_hook)
atexit.register(lambda: os.write(_log, ("modules " + " ".join(sys.modules) + "\\n").encode()))
"""


def changed(artefact: Path, copy: Path, name: str, change: Any) -> Path:
    """A copy of an artefact with one file changed and a manifest that knows nothing or everything of it."""
    shutil.copytree(artefact, copy)
    document = json.loads((copy / name).read_text())
    change(document)
    (copy / name).write_text(json.dumps(document))
    return copy


def signed_again(folder: Path) -> Path:
    """Make the manifest fit the files."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def wrong_label(golden: Any) -> None:
    golden["predictions"][3] = (golden["predictions"][3] + 1) % 3


def wrong_probability(golden: Any) -> None:
    golden["probabilities"][5][0] += 1e-6


@pytest.mark.parametrize("change", [wrong_label, wrong_probability])
def test_wrong_golden_answers_end_the_pod(artefact: Path, tmp_path: Path, change: Any) -> None:
    """One wrong golden answer: exit 6, never ready, the reason in the log and where the kubelet looks."""
    wrong = signed_again(changed(artefact, tmp_path / "wrong", "golden.json", change))
    (tmp_path / "termination-log").touch()
    with starting(wrong, tmp_path) as pod:
        assert pod.process.wait(timeout=20) == 6
        assert "1 of 16 golden rows" in pod.log.read_text()
    assert "1 of 16 golden rows" in (tmp_path / "termination-log").read_text()


def test_changed_files_end_the_pod(artefact: Path, tmp_path: Path) -> None:
    """A file that is not what the manifest says: exit 2, and it is named."""
    wrong = changed(artefact, tmp_path / "wrong", "schema.json", lambda schema: schema["inputs"].pop())
    with starting(wrong, tmp_path) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert "schema.json was changed" in pod.log.read_text()


def test_the_hash_in_readyz_is_that_of_the_files(artefact: Path, tmp_path: Path) -> None:
    """What a pod says it serves is computed from its own manifest's bytes."""
    with running(artefact, tmp_path) as pod:
        found = pod.request("GET", "/readyz").json
    digest = hashlib.sha256((artefact / "manifest.json").read_bytes()).hexdigest()
    assert found == {
        "status": "ready",
        "model": {"name": "iris", "version": digest[:16]},
        "artefact": f"sha256:{digest}",
    }


def test_footprint(artefact: Path, tmp_path: Path) -> None:
    """A pod writes no file, needs no data frames, loads no BentoML, OpenTelemetry or operator's side."""
    (tmp_path / "sitecustomize.py").write_text(WATCHER.format(log=str(tmp_path / "watched")))
    (tmp_path / "pandas.py").write_text("raise ImportError('as in the image')")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    with running(artefact, tmp_path, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1") as pod:
        assert pod.predict([5.1, 3.5, 1.4, 0.2]).status == 200
        pod.process.terminate()
        assert pod.process.wait(timeout=10) == 0
    *written, modules = (tmp_path / "watched").read_text().splitlines()
    assert [line for line in written if "/dev/null" not in line] == []
    loaded = set(modules.split())
    assert "ekiben.serving.lane" in loaded
    unwanted = {
        "bentoml",
        "pandas",
        "kubernetes",
        "typer",
        "aiohttp",
        "pydantic",
        "opentelemetry",
        "requests",
        "urllib3",
        "ekiben.config",
        "ekiben.train",
    }
    assert loaded & unwanted == set()


def test_a_grpc_port_that_is_taken_is_named(artefact: Path, tmp_path: Path) -> None:
    """The pod ends with the reason, not with what went wrong while it was ending."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with starting(artefact, tmp_path, EKIBEN_GRPC_PORT=str(port)) as pod:
            assert pod.process.wait(20) == 2
            log = pod.log.read_text()
            assert f"cannot listen on {HOST} port {port}" in log
            assert "Traceback" not in log


def test_an_unsigned_artefact_ends_a_pod_that_asks_for_signers(artefact: Path, tmp_path: Path) -> None:
    """Exit 2 before a port is opened; signed by that signer and encrypted for its key, it serves."""
    signer = keys.create_pair(tmp_path / "key")
    with starting(artefact, tmp_path, EKIBEN_SIGNERS=signer.text) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert "takes signed artefacts only" in pod.log.read_text()
    signed, sealed, live = (tmp_path / name for name in ("signed", "sealed", "live"))
    shutil.copytree(artefact, signed)
    (signed / "signature.json").write_bytes(sign.bundle_for(signed, tmp_path / "key", [signer]) or b"")
    sealed.mkdir()
    live.mkdir()
    keys.create_secret(live / "now")
    for name, content in encrypt.carried(reader.read(signed), encrypt.LiveKey("now", live / "now")):
        (sealed / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    with running(sealed, tmp_path, EKIBEN_SIGNERS=signer.text, EKIBEN_SEAL_KEYS=str(live)) as pod:
        assert pod.predict([5.1, 3.5, 1.4, 0.2]).json["prediction"] == 0
        assert pod.request("GET", "/readyz").json["artefact"] == reader.read(artefact).sha256
