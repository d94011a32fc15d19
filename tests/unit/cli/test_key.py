"""`ekiben key` against a small API server: the key on stdout once, its hash in the Secret, no more."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.unit.clients.conftest import ApiServer, kubeconfig

from ekiben.cli import app, session
from ekiben.identifiers import ClusterAddress

ONE, MANY = "/api/v1/namespaces/models/secrets/iris-keys", "/api/v1/namespaces/models/secrets"
CONFIG = {
    "model": "iris",
    "train": {"estimator": "e:f", "data": "e:d", "accept": {"min": 0.5}},
    "bento": {"service": "s:S"},
    "image": {"repository": "ekiben/iris"},
}


class Store(ApiServer):
    """Keeps the Secret that was written last."""

    def held(self) -> list[dict[str, Any]]:
        """What it holds; taken over into what the next read gets."""
        for request, body, _ in self.asked:
            if request.startswith(("POST", "PUT")):
                metadata = {"name": "iris-keys", "resourceVersion": "1"}
                self.answers[f"GET {ONE}"] = (200, {"metadata": metadata, "data": body["data"]})
                content = base64.b64decode(body["data"]["keys.json"])
        found: list[dict[str, Any]] = json.loads(content)["keys"]
        return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An API server, a kubeconfig that leads to it, and a project with one model."""
    (tmp_path / "bentos" / "iris").mkdir(parents=True)
    (tmp_path / "bentos" / "iris" / "ekiben.yaml").write_text(yaml.safe_dump(CONFIG))
    with Store() as found:
        found.answers[f"POST {MANY}"] = (201, {})
        found.answers[f"PUT {ONE}"] = (200, {})
        address = ClusterAddress("mine", kubeconfig=kubeconfig(tmp_path, found.server_port))
        monkeypatch.setattr(session, "address", lambda _: address)
        monkeypatch.setenv("EKIBEN_PROJECT", str(tmp_path))
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_key_is_printed_once_and_alone(server: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout has the key and nothing else, so that it can be piped; stderr and the Secret do not have it."""
    assert app.main(["key", "create", "iris", "web", "--expires", "30d"]) == 0
    printed = capsys.readouterr()
    text = printed.out.strip()
    assert text.startswith("ekiben_web_")
    assert text not in printed.err
    assert "release.access is none" in printed.err
    [record] = server.held()
    assert record["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert record["groups"] == ["metadata", "predict"]
    assert text[11:] not in json.dumps([body for _, body, _ in server.asked])


def test_a_key_lives_through_rotation_to_its_end(server: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """create, rotate, list, revoke: two live keys in between, none in the end."""

    def run(*argv: str) -> Any:
        assert app.main(["key", argv[0], "iris", *argv[1:], "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    first = run("create", "web", "--scope", "admin")
    server.held()
    second = run("rotate", "web", "--grace", "1h")
    old, new = server.held()
    assert [old["sha256"], new["sha256"]] == [
        hashlib.sha256(each["key"].encode()).hexdigest() for each in (first, second)
    ]
    assert (old["groups"], new["groups"]) == (["admin"], ["admin"])
    assert old["expires"] < first["expires"]
    listed = run("list")
    assert [(each["id"], each["state"]) for each in listed] == [("web", "live")] * 2
    assert first["key"] not in json.dumps(listed)
    run("revoke", listed[0]["fingerprint"])
    assert [each["sha256"] for each in server.held()] == [new["sha256"]]
    run("revoke", "web")
    assert server.held() == []


@pytest.mark.parametrize(
    "verb", [["create", "iris", "web"], ["rotate", "iris", "web"], ["revoke", "iris", "web"]]
)
def test_a_dry_run_asks_no_cluster_and_makes_no_key(
    server: Store, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    """It says what would be written, and where."""
    assert app.main(["key", *verb, "--dry-run", "-n", "other"]) == 0
    printed = capsys.readouterr().out
    assert "Secret other/iris-keys" in printed
    assert "ekiben_" not in printed
    assert server.asked == []


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["create", "iris", "Web"], "expected an id"), (["create", "iris", "ekiben"], "release's own"),
        (["rotate", "iris", "ekiben"], "release's own"),
        (["create", "iris", "web", "--scope", "all"], "--scope"),
        (["create", "iris", "web", "--scope", ""], "--scope"),
        (["create", "iris", "web", "--expires", "1y"], "90d"),
        (["rotate", "iris", "web", "--grace", "never"], "--grace"), (["rotate", "iris", "web"], "found none"),
        (["revoke", "iris", "web"], "id or fingerprint"), (["list", "rose"], "unknown model"),
    ],
)  # fmt: skip
def test_wrong_words_end_with_2(
    server: Store, capsys: pytest.CaptureFixture[str], argv: list[str], says: str
) -> None:
    """Nothing is written, and no key is shown."""
    assert app.main(["key", *argv]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.out == ""
    assert [request for request, _, _ in server.asked if not request.startswith("GET")] == []


def test_a_key_that_was_not_written_is_not_shown(server: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that no pod will know must not be handed out."""
    del server.answers[f"POST {MANY}"]
    assert app.main(["key", "create", "iris", "web"]) == 4
    assert "ekiben_" not in capsys.readouterr().out
