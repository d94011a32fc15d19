"""`ekiben model` on a store of its own, and against a small API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.unit.artefact.models import SCHEMA, listed, stored
from tests.unit.clients.conftest import ApiServer, kubeconfig

from ekiben.artefact import store
from ekiben.cli import app, session
from ekiben.errors import ClusterError
from ekiben.identifiers import ClusterAddress, ImageReference, ModelTag
from ekiben.release import record
from ekiben.release.golden import Golden
from ekiben.serving.schema import Input, Schema

SERVERS = "labelSelector=app.kubernetes.io/name=model-server,app.kubernetes.io/part-of=ekiben"
RECORDS = (
    "labelSelector=app.kubernetes.io/managed-by=ekiben,app.kubernetes.io/part-of=ekiben,ekiben.dev/release"
)
LISTS = [
    f"GET /apis/apps/v1/deployments?{SERVERS}",
    f"GET /apis/apps/v1/replicasets?{SERVERS}",
    f"GET /api/v1/pods?{SERVERS}",
    f"GET /api/v1/configmaps?{RECORDS}",
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The cluster that runs; it carries nothing."""
    with ApiServer() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        path = kubeconfig(tmp_path, found.server_port)
        monkeypatch.setattr(session, "address", lambda context: ClusterAddress(context or "mine", path))
        found.answers.update({each: (200, {"items": []}) for each in LISTS})
        yield found
        found.shutdown()
        thread.join()


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert app.main(["model", *argv, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def object_of(kind: str, annotations: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": "iris", "namespace": "models"}
    if kind == "pod":
        return {"metadata": {**metadata, "annotations": annotations}, "spec": {"containers": []}}
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": []}}
    return {"metadata": metadata, "spec": {"selector": {}, "template": template}}


def entry(tag: ModelTag, home: Path) -> record.Verified:
    return record.Verified(
        revision=3,
        image=ImageReference("r/iris", "sha256:" + "0" * 64),
        model=tag,
        artefact_sha256=store.require(tag, home),
        inputs_sha256="sha256:0",
        replicas=1,
        checks=(record.Check("rollout", True, "", ""),),
        by="bob",
        at="2026-03-03T08:00:00+00:00",
        golden=Golden((), (), None, 1e-9),
    )


def recorded(tag: ModelTag, home: Path) -> dict[str, Any]:
    labels = {"ekiben.dev/release": "iris"}
    data = {"revision-000003": record.dump(entry(tag, home))}
    return {"metadata": {"name": "iris-record", "namespace": "models", "labels": labels}, "data": data}


def test_list_show_and_history(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Versions with their aliases, newest first; the same for people."""
    one, other = stored(home, 0.1), stored(home, 0.2)
    said(capsys, "promote", f"small:{one.version}", "--reason", "steady since May")
    found = {each["tag"]: each["aliases"] for each in said(capsys, "list")}
    assert found == {str(one): ["in-service"], str(other): ["latest"]}
    assert list(found) == [str(other), str(one)]
    shown = said(capsys, "show", "small:in-service")
    assert shown["version"]["tag"] == str(one)
    assert shown["schema"] == SCHEMA.document()
    assert [each["kind"] for each in said(capsys, "history", "small")] == ["trained", "trained", "promoted"]
    assert app.main(["model", "list"]) == app.main(["model", "show", "small"]) == 0
    assert app.main(["model", "history", "small"]) == 0
    printed = capsys.readouterr().out
    assert "in-service" in printed
    assert "steady since May" in printed


@pytest.mark.parametrize(
    "argv", [["show", "none"], ["show", "small:0"], ["history", "none"], ["list", "none"]]
)
def test_what_is_not_there(home: Path, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    """Ends with 2 and says what there is."""
    stored(home)
    assert "small" in str(said(capsys, *argv, code=2))


def test_a_damaged_version_is_listed_as_such(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is neither hidden nor shown as if it were whole."""
    tag = stored(home)
    (store.folder_of(tag, home) / "card.json").write_text("{}")
    assert "card.json was changed" in said(capsys, "list")[0]["wrong"]
    assert app.main(["model", "list"]) == 0
    assert "damaged" in capsys.readouterr().out
    assert app.main(["model", "show", "small"]) == 2


def test_compare_names_what_breaks(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default what is in service with what was trained last; `--check` ends with 6."""
    one = stored(home, 0.1)
    stored(home, 0.2, schema=Schema((Input("a", "float64", maximum=3.0),), SCHEMA.output))
    said(capsys, "promote", str(one))
    found = said(capsys, "compare", "small")
    assert found["before"] == str(one)
    assert [(each["kind"], each["breaking"]) for each in found["changes"]] == [("range narrowed", True)]
    assert app.main(["model", "compare", "small", "--check"]) == 6
    assert "BREAKING" in capsys.readouterr().out
    assert app.main(["model", "compare", "small:latest", "small:in-service", "--check"]) == 0
    assert said(capsys, "promote", "small", "--dry-run")["breaking"] == ["range narrowed: a"]
    assert said(capsys, "show", "small:in-service")["version"]["tag"] == str(one)


def test_export_and_import(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one store into another, which then has it; a dry run writes nothing."""
    tag, file = stored(home), tmp_path / "small.tar.zst"
    said(capsys, "export", "small", str(file), "--dry-run")
    assert not file.exists()
    said(capsys, "export", "small", str(file))
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "other"))
    said(capsys, "import", str(file), "--dry-run")
    assert not (tmp_path / "other").exists()
    assert said(capsys, "import", str(file))["new"] is True
    assert said(capsys, "import", str(file))["new"] is False
    assert listed(tmp_path / "other") == [str(tag)]
    (event,) = said(capsys, "history", "small")
    assert (event["kind"], event["evidence"]["origin"]["file"]) == ("imported", "small.tar.zst")


def prune(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    return said(capsys, "prune", "--older-than", "1m", *argv, code=code)


@pytest.fixture
def tags(home: Path) -> list[ModelTag]:
    """Four versions of an hour ago."""
    found = [stored(home, score / 10) for score in range(1, 5)]
    for tag in found:
        path = store.folder_of(tag, home) / "model.yaml"
        lines = path.read_text().splitlines()
        old = [
            line if not line.startswith("creation_time") else "creation_time: '2026-01-01T00:00:00+00:00'"
            for line in lines
        ]
        path.write_text("\n".join(old) + "\n")
    return found


@pytest.mark.parametrize("place", range(4))
def test_what_a_release_uses_stays(
    home: Path, tags: list[ModelTag], server: ApiServer, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    """A Deployment, a replica set, a pod or a record, in any namespace, each keep a version."""
    used = tags[0]
    annotations = {"ekiben.dev/artefact": store.require(used, home)}
    kinds = ["deployment", "replica set", "pod"]
    item = recorded(used, home) if place == 3 else object_of(kinds[place], annotations)
    server.answers[LISTS[place]] = (200, {"items": [item]})
    assert sorted(prune(capsys)["models"]) == sorted(map(str, tags[1:3]))
    assert listed(home) == sorted(map(str, (used, tags[3])))


@pytest.mark.parametrize("refused", LISTS)
def test_nothing_goes_where_it_is_not_known(
    home: Path, tags: list[ModelTag], server: ApiServer, capsys: pytest.CaptureFixture[str], refused: str
) -> None:
    """A cluster that does not answer one question stops it; --keep says it by hand."""
    server.answers[refused] = (403, {"kind": "Status", "message": "no"})
    assert "--keep" in prune(capsys, code=4)["remedy"]
    assert len(listed(home)) == 4
    assert len(prune(capsys, "--keep", str(tags[0]), "--dry-run")["models"]) == 2
    assert sorted(prune(capsys, "--keep", str(tags[0]))["models"]) == sorted(map(str, tags[1:3]))


def test_pods_that_do_not_say_what_they_carry(
    home: Path, tags: list[ModelTag], server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it is not known either; nor with a record of another release of ekiben."""
    server.answers[LISTS[0]] = (200, {"items": [object_of("deployment", {})]})
    assert "iris" in prune(capsys, code=4)["message"]
    server.answers[LISTS[0]] = (200, {"items": []})
    foreign = recorded(tags[0], home)
    foreign["data"] = {"revision-000009": '{"format": 9}'}
    server.answers[LISTS[3]] = (200, {"items": [foreign]})
    assert "record" in prune(capsys, code=4)["message"]
    assert len(listed(home)) == len(tags)


def test_no_cluster_at_all(
    home: Path, tags: list[ModelTag], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one to ask nothing goes."""

    def none(_: str | None) -> ClusterAddress:
        raise ClusterError("expected a cluster, found none running and none named")

    monkeypatch.setattr(session, "address", none)
    assert "--keep" in prune(capsys, code=4)["remedy"]
    assert len(listed(home)) == len(tags)


def test_clusters_of_the_history_are_asked(
    home: Path, tags: list[ModelTag], server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that the store knows of names its cluster, and its record is history."""
    from datetime import UTC, datetime

    from ekiben.artefact import aliases
    from ekiben.release import service

    evidence = service.evidence(entry(tags[0], home), "production", "models", "iris")
    for tag in (tags[0], tags[3]):  # the alias has moved on since
        aliases.assign(
            "small",
            "in-service",
            tag,
            at=datetime.now(UTC),
            by="ann",
            kind="released",
            evidence=evidence,
            home=home,
        )
    prune(capsys, "--dry-run")
    assert [each[0] for each in server.asked].count(LISTS[0]) == 2  # production, and the one that runs
    older = recorded(tags[1], home)
    older["data"] = {"revision-000002": record.dump(replace(entry(tags[1], home), revision=2))}
    server.answers[LISTS[3]] = (200, {"items": [recorded(tags[0], home), older]})
    told = said(capsys, "history", "small", "--context", "production")
    assert [each["evidence"]["revision"] for each in told if each["kind"] == "released"] == [2, 3, 3]
