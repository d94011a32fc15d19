"""`ekiben report` on the command line: whom it asks, what it writes, how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from ekiben.cli import app

ONE = {
    "metric": {"namespace": "shop", "release": "prices"},
    "values": [[1_767_225_600, "1"], [1_767_225_615, "2"]],
}


class Prometheus:
    """Gives one series to every query over time, or what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.over_time: tuple[int, Any] = (200, [ONE])
        self.asked: list[str] = []

    def answer(self, path: str, query: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(query)
        status, found = self.over_time if path.endswith("query_range") else (200, [])
        if status != 200:
            return status, {"status": "error", "error": found}
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": found}}


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    """A server on loopback."""
    told = Prometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, document = told.answer(self.path, fields["query"][0])
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def _run(prometheus: Prometheus, folder: Path, *options: str) -> tuple[int, Path]:
    page = folder / "page.html"
    place = ["--prometheus", prometheus.url, "--output", str(page)]
    return app.main(["--project", str(folder), "report", "prices", "-n", "shop", *place, *options]), page


def test_a_release_that_is_no_model_here_is_asked_by_its_name(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder below bentos/ and no cluster are needed; every board is on the page."""
    code, page = _run(prometheus, tmp_path, "--to", "2026-01-01T00:30", "--json")
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["page"] == str(page)
    assert {each["board"] for each in found["panels"]} == {
        "ekiben-release", "ekiben-autoscaling", "ekiben-fleet",
    }  # fmt: skip
    assert any('namespace="shop",release="prices"' in query for query in prometheus.asked)
    assert "shop/prices" in page.read_text(encoding="utf-8")


def test_one_board_may_be_chosen(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the others are not asked."""
    code, _ = _run(prometheus, tmp_path, "--to", "2026-01-01T00:30", "--board", "fleet", "--json")
    assert code == 0
    assert {each["board"] for each in json.loads(capsys.readouterr().out)["panels"]} == {"ekiben-fleet"}


def test_panels_that_could_not_be_asked_end_it_with_5(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is there and says so; the result stays one JSON document."""
    prometheus.over_time = (422, "too many samples")
    code, page = _run(prometheus, tmp_path, "--json")
    printed = capsys.readouterr()
    assert code == 5
    assert "could not be asked" in printed.err
    assert all("too many samples" in each["errors"][0] for each in json.loads(printed.out)["panels"])
    assert "too many samples" in page.read_text(encoding="utf-8")


def test_no_data_at_all_ends_it_with_5(
    prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that nobody scrapes is told from a release without requests."""
    prometheus.over_time = (200, [])
    code, page = _run(prometheus, tmp_path)
    assert code == 5
    assert "expected data of shop/prices, found none" in capsys.readouterr().err
    assert "There is no data of this release in this time" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["prices", "--prometheus", "http://127.0.0.1:9"], 4, "not reached"),
        (["prices", "--prometheus", "127.0.0.1:9"], 2, "expected Prometheus as http"),
        (["prices", "--prometheus", "http://127.0.0.1:9", "--board", "budget"], 2, "--board"),
        (["prices", "--prometheus", "http://127.0.0.1:9", "--since", "soon"], 2, "--since"),
        (["Prices_1", "--prometheus", "http://127.0.0.1:9"], 2, "expected the name of a model"),
        (["prices", "--context", "somebodys"], 2, "expected the address of Prometheus"),
    ],
)
def test_what_cannot_be_asked_writes_no_page(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody there, no address, a board or a time that is none: what was expected, and what to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EKIBEN_PROMETHEUS_URL", raising=False)
    assert app.main(["--project", str(tmp_path), "report", *arguments]) == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.html"))


def test_a_model_is_asked_where_its_file_says(
    prometheus: Prometheus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Release, namespace and Prometheus come from ekiben.yaml; the page is below out/."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bentos" / "flowers"
    folder.mkdir(parents=True)
    (folder / "ekiben.yaml").write_text(
        f"""
model: flowers
train: {{estimator: "a:b", data: "a:c", accept: {{min: 0.9}}}}
bento: {{service: "a:B"}}
image: {{repository: flowers}}
release: {{namespace: garden, name: roses}}
observe: {{prometheus_url: "{prometheus.url}"}}
""",
        encoding="utf-8",
    )
    to = ["--to", "2026-01-01T00:30", "--board", "release", "--json"]
    assert app.main(["--project", str(tmp_path), "report", "flowers", *to]) == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(tmp_path / "out" / "report-roses.html")
    assert 'up{namespace="garden",release="roses"}[300s]' in prometheus.asked
