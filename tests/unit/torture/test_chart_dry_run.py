"""An API server as the judge of value sets: what it does not take is a finding, and nothing is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.chart import custom
from tests.torture.chart import apiserver
from tests.torture.chart.batches import Rendered

MANIFESTS = """---
kind: Service
metadata: {name: a, namespace: models}
---
# nothing
---
kind: Pod
metadata: {name: b, namespace: models}
spec: {serviceAccountName: c}
"""
TAKEN = ["service/a serverside-applied (server dry run)", "pod/b serverside-applied (server dry run)"]


class Server:
    """Says to a dry run what a test tells it to, and keeps what else it was asked."""

    def __init__(self, *said: str) -> None:
        self.said = list(said)
        self.asked: list[tuple[str, ...]] = []

    def kubectl(self, *argv: str, **_options: Any) -> str:
        """Answer as kubectl does."""
        self.asked.append(argv)
        return "\n".join(self.said) if "--dry-run=server" in argv else "created"


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """Two objects, before a server that knows no foreign kind."""
    monkeypatch.setattr(custom, "CRDS", {})
    file = tmp_path / "set-7.yaml"
    file.write_text(MANIFESTS)
    return Rendered(7, {}, file)


def complaints(server: Server, found: Rendered) -> list[str]:
    """What the judge says of one set."""
    judge: Any = apiserver.ApiServer(server)  # type: ignore[arg-type]  # of a Rig, only kubectl is asked
    return list(judge.errors([found], found.file.parent))


def test_what_is_taken_is_no_finding(rendered: Rendered) -> None:
    """Warnings are about manners; every object was taken."""
    assert complaints(Server(*TAKEN, "Warning: spec.a is old"), rendered) == []


def test_what_is_refused_is_a_finding(rendered: Rendered) -> None:
    """The server's own words, and the set's number."""
    said = complaints(Server(TAKEN[0], 'The Pod "b" is invalid: no'), rendered)
    assert said == ['set 7: The Pod "b" is invalid: no', "set 7: 1 of 2 objects were taken"]


def test_an_object_that_nothing_is_said_of_is_a_finding(rendered: Rendered) -> None:
    """Silence is not consent."""
    assert complaints(Server(TAKEN[0]), rendered) == ["set 7: 1 of 2 objects were taken"]


def test_what_objects_lean_on_is_made_once(rendered: Rendered) -> None:
    """Their namespace, and the account that a pod names."""
    server = Server(*TAKEN)
    judge: Any = apiserver.ApiServer(server)  # type: ignore[arg-type]  # of a Rig, only kubectl is asked
    judge.errors([rendered, rendered], rendered.file.parent)
    assert [argv for argv in server.asked if argv[0] == "create"] == [
        ("create", "namespace", "models"),
        ("create", "serviceaccount", "c", "-n", "models"),
    ]


def test_a_kind_is_named_as_its_file() -> None:
    """As the API server names it."""
    assert custom.plural("httproute-gateway-v1") == "httproutes.gateway.networking.k8s.io"
    assert custom.plural("scaledobject-keda-v1alpha1") == "scaledobjects.keda.sh"
