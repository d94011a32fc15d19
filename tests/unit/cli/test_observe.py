"""`doctor` and `why` on the command line: exit codes, lines for pipes, tables for people."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.diagnosis.doctor.chain import ADDRESS, NOW, ROOT, Cluster, Metrics, examine

from ekiben.cli import app, session
from ekiben.diagnosis.doctor import table, walk
from ekiben.diagnosis.why import walk as why


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster], None]:
    """Let the commands look at a cluster made by hand."""
    metrics = Metrics()

    def give(cluster: Cluster) -> None:
        seen: dict[str, Any] = {"cluster": cluster, "prometheus": metrics, "now": lambda: NOW}
        hurried = {**seen, "pause": lambda _seconds: None}
        monkeypatch.setattr(session, "address", lambda _context: ADDRESS)
        for room, name, given in ((walk, "ground", seen), (walk, "doctor", hurried), (why, "why", seen)):
            monkeypatch.setattr(room, name, functools.partial(getattr(room, name), **given))

    return give


def run(*arguments: str) -> int:
    return app.main(["--project", str(ROOT), *arguments])


def test_a_sound_release_ends_with_0(
    looked: Callable[[Cluster], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is the last line; the same as JSON for machines."""
    looked(Cluster())
    assert run("doctor", "iris") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "models/iris in ekiben-local is sound: 25 links"
    assert run("doctor", "iris", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["sound"], document["broken"], document["warnings"]) == (True, None, [])
    assert document["findings"][0] == {
        "link": "api-server", "health": "sound", "found": "ekiben-local, Kubernetes v1.35.4", "remedy": ""
    }  # fmt: skip


def test_a_broken_release_ends_with_4(
    looked: Callable[[Cluster], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The link, its remedy on a line of its own, and what nobody looked at; also as JSON."""
    looked(Cluster(hpas=()))
    assert run("doctor", "iris") == 4
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("BROKEN"))
    assert lines[at].split() == ["BROKEN", "hpa", *lines[at].split()[2:]]
    assert lines[at + 1].split(maxsplit=1) == ["next", "ekiben release iris"]
    assert lines[at + 2].endswith("hpa-alone, hpa-scale, hpa-metrics, hpa-maximum, throttling, events")
    assert run("doctor", "iris", "--json") == 4
    document = json.loads(capsys.readouterr().out)
    assert (document["sound"], document["broken"]) == (False, "hpa")
    assert document["not_looked_at"][0] == "hpa-alone"


def test_without_a_model_the_cluster_alone_is_looked_at(
    looked: Callable[[Cluster], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What every release needs."""
    looked(Cluster(api=None))
    assert run("doctor") == 4
    assert "the cluster in ekiben-local is broken at metrics-api" in capsys.readouterr().out


def test_why_is_one_sentence_first(
    looked: Callable[[Cluster], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Then its numbers; JSON has both."""
    looked(Cluster())
    assert run("why", "iris") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("2 replicas, because CPU use is 55 % of the request with a target of 60 %")
    assert run("why", "iris", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == first


def test_a_terminal_gets_the_same_words() -> None:
    """What rich draws has every line's text, whatever its colours."""
    from rich.console import Console

    found = examine(Cluster(hpas=()))
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(table.render(found))
    drawn = console.export_text()
    for _mark, _name, text in table.rows(found):
        assert text in drawn
    assert table.verdict(found) in drawn
