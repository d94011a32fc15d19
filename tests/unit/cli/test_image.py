"""`ekiben image inspect` of an image in a registry without TLS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.image.test_inspection import image

from ekiben.cli import app
from ekiben.image import station


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`host:port` of a registry that holds the image of `test_inspection`, as if on another machine."""
    folder, _ = image(tmp_path / "layout")
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EKIBEN_PROJECT", str(tmp_path))
    monkeypatch.setattr(station, "is_here", lambda _: False)
    (manifest,) = json.loads((folder / "index.json").read_bytes())["manifests"]

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            digest = self.path.rpartition("/")[2]
            digest = manifest["digest"] if digest == "latest" else digest
            content = b"{}"
            if self.path != "/v2/":
                content = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", manifest["mediaType"])
            self.send_header("Docker-Content-Digest", digest)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_plain_http_is_spoken_only_where_it_is_allowed(
    registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --insecure the image is read; without, TLS is expected, and the error says so."""
    argv = ["image", "inspect", f"{registry}/some/image:latest", "--json"]
    assert app.main(argv) == 2
    assert "TLS" in capsys.readouterr().err
    assert app.main([*argv, "--insecure"]) == 0
    names = {one["name"] for one in json.loads(capsys.readouterr().out)["packages"]}
    assert {"big-thing", "libc6", "small"} <= names


def test_options_of_a_registry_do_not_fit_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model's image is on this machine; the error names the option and the model."""
    (tmp_path / "bentos" / "iris").mkdir(parents=True)
    (tmp_path / "bentos" / "iris" / "ekiben.yaml").touch()
    monkeypatch.setenv("EKIBEN_PROJECT", str(tmp_path))
    assert app.main(["image", "inspect", "iris", "--insecure"]) == 2
    assert "--insecure: expected a reference into a registry, found the model iris" in capsys.readouterr().err
