"""A sealed model from the rendered Deployment to a pod that answers: the same variables, files and mounts.

The artefact is as an image carries it (signed, encrypted), the Secret as the kubelet mounts it. Host and
ports are the test's own; a mount's path stands below a folder of the test's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.chart.conftest import IMAGE, Render, Rendered
from tests.chart.test_access import environment, mounts, volume
from tests.serving.pod import Pod, running, starting

from ekiben import config
from ekiben.artefact.seal import configured, encrypt, keys
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.release.values import chart_values
from ekiben.serving import artefact as reader
from ekiben.train import station

OWN = frozenset({"EKIBEN_HOST", "EKIBEN_HTTP_PORT", "EKIBEN_GRPC_PORT", "EKIBEN_METRICS_PORT"})
PROJECT = """
import numpy as np
import pandas as pd

def load():
    x = np.linspace(0, 10, 80).round(1)
    return pd.DataFrame({"x": x}), pd.Series(2 * x + 1)

def build():
    from sklearn.linear_model import LinearRegression
    return LinearRegression()
"""


@dataclass(frozen=True)
class Team:
    """One signing key and one encryption key, made as `ekiben seal` makes them."""

    key: Path
    signer: str
    secret: Path


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Team]:
    """Two teams; the pods believe the first."""
    found = {}
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name)
        signer = keys.create_pair(folder / "key").text
        keys.create_secret(folder / "secret")
        found[name] = Team(folder / "key", signer, folder / "secret")
    return found


def wanted(signers: list[str], team: Team, key_id: str) -> config.ModelConfig:
    """`ekiben.yaml` of a line that a team signs and encrypts."""
    encryption = {"key_file": str(team.secret), "key_id": key_id, "secret": "line-model"}
    train = {"estimator": "line:build", "data": "line:load", "accept": {"metric": "mae", "max": 1}}
    seal = {"key_file": str(team.key), "signers": signers, "encryption": encryption}
    document = {
        "model": "line",
        "train": {**train, "parity_rows": 1_000},
        "bento": {"service": "s:S", "seal": seal},
        "image": {"repository": "line"},
    }
    return config.parse(document, "test")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, teams: dict[str, Team]) -> Path:
    """The artefact in the store, unencrypted."""
    root = tmp_path_factory.mktemp("line")
    (root / "line.py").write_text(PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(root / "home"))
        first = teams["first"]
        return station.train(wanted([first.signer], first, "first"), root).folder


def carried(plain: Path, team: Team, key_id: str, to: Path) -> Path:
    """The artefact as an image carries it: signed and encrypted by a team."""
    to.mkdir()
    seal = wanted([team.signer], team, key_id)
    for name, content in encrypt.carried(reader.read(plain), encrypt.LiveKey(key_id, team.secret)):
        (to / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    signed = configured.signature_of(plain, seal)
    if signed is not None:  # None: it is the stored one
        (to / "signature.json").write_bytes(signed)
    return to


def mounted(folder: Path, entries: Mapping[str, Path]) -> Path:
    """A Secret as the kubelet mounts it: links through `..data` into a dated folder."""
    dated = folder / "..2026_11_21"
    dated.mkdir(parents=True)
    (folder / "..data").symlink_to(dated.name)
    for name, source in entries.items():
        (dated / name).write_bytes(source.read_bytes())
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def told(found: Rendered, secret: Path) -> dict[str, str]:
    """Variables of the rendered container; the Secret's mount stands elsewhere."""
    place = mounts(found.container)["seal"]
    assert volume(found.pod, "seal")["secret"]["secretName"] == "line-model"
    return {
        name: str(secret) if value == place else value
        for name, value in environment(found).items()
        if name not in OWN
    }


@pytest.fixture
def deployment(render: Render, plain: Path, teams: dict[str, Team]) -> Callable[..., Rendered]:
    """Render what `ekiben release` would send for these signers."""

    def rendered(*believed: str) -> Rendered:
        first = teams[believed[0]]
        section = wanted([teams[name].signer for name in believed], first, believed[0])
        found = reader.read(plain)
        image = ImageReference("registry.example.com/line", IMAGE["digest"], "1")
        values: dict[str, Any] = chart_values(section, image, ModelTag("line", found.version), found.sha256)
        return render(values)

    return rendered


def predicts(pod: Pod, plain: Path) -> bool:
    """Whether a pod gives the artefact's golden answers, read from the plain file."""
    golden = json.loads((plain / "golden.json").read_text())
    answered = pod.predict({"instances": golden["instances"]}).json["predictions"]
    return bool(answered == pytest.approx(golden["predictions"], rel=1e-9))


def test_a_sealed_model_answers_from_what_the_chart_renders(
    deployment: Callable[..., Rendered], plain: Path, teams: dict[str, Team], tmp_path: Path
) -> None:
    """Its files are unreadable without the Secret, and the pod gives the golden answers with it."""
    first = teams["first"]
    folder = carried(plain, first, "first", tmp_path / "model")
    assert (folder / "linear.json").read_bytes() != (plain / "linear.json").read_bytes()
    secret = mounted(tmp_path / "secret", {"first": first.secret})
    with running(folder, tmp_path, **told(deployment("first"), secret)) as pod:
        assert predicts(pod, plain)
        assert pod.request("GET", "/readyz").json["artefact"] == reader.read(plain).sha256


def test_another_teams_signature_is_refused_with_the_cause(
    deployment: Callable[..., Rendered], plain: Path, teams: dict[str, Team], tmp_path: Path
) -> None:
    """Exit 2 before anything is decrypted; the kubelet's termination message says why."""
    second = teams["second"]
    folder = carried(plain, second, "first", tmp_path / "model")
    secret = mounted(tmp_path / "secret", {"first": second.secret})
    (tmp_path / "termination-log").touch()
    with starting(folder, tmp_path, **told(deployment("first"), secret)) as pod:
        assert pod.process.wait(timeout=20) == 2
    assert "expected a signature by" in (tmp_path / "termination-log").read_text()


def test_keys_rotate_while_both_are_live(
    deployment: Callable[..., Rendered], plain: Path, teams: dict[str, Team], tmp_path: Path
) -> None:
    """With both signers and both keys either image starts; with the old entry gone only the new one does."""
    first, second = teams["first"], teams["second"]
    old = carried(plain, first, "first", tmp_path / "old")
    new = carried(plain, second, "second", tmp_path / "new")
    both = mounted(tmp_path / "both", {"first": first.secret, "second": second.secret})
    for folder in (old, new):
        with running(folder, tmp_path, **told(deployment("first", "second"), both)) as pod:
            assert predicts(pod, plain)
    later = mounted(tmp_path / "later", {"second": second.secret})
    with running(new, tmp_path, **told(deployment("second"), later)) as pod:
        assert predicts(pod, plain)
    (tmp_path / "termination-log").touch()
    with starting(old, tmp_path, **told(deployment("second", "first"), later)) as pod:
        assert pod.process.wait(timeout=20) == 2
    assert "encrypted with the key 'first'" in (tmp_path / "termination-log").read_text()
