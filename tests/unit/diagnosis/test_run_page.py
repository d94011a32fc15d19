"""The closing page and its summary."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.diagnosis.conftest import load, samples
from tests.unit.diagnosis.reader import Reader

from ekiben.diagnosis import run_page, summary
from ekiben.diagnosis.run import RoadRun, bins, story
from ekiben.scale.load.replicas import ReplicaSample


def _read(run: RoadRun) -> Reader:
    reader = Reader()
    reader.feed(run_page.page(run))
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_tells_everything(run: RoadRun) -> None:
    """Digest, URL, prediction, figures, stations and what to type next are in its text."""
    text = " ".join(_read(run).text)
    for part in (
        run.image, run.url, run.model, run.revision, '"predictions": [0]', "600 requests were sent in 60 s",
        "none failed", "1 → 3", "10.0 ms", "400.0 ms", "train", "accuracy 0.96", "2.0 s", "8.0 s",
        "kept from an earlier walk", "ekiben status iris --watch", "Failed requests", "None.",
    ):  # fmt: skip
        assert part in text, part


def test_the_page_needs_nothing_else(run: RoadRun) -> None:
    """No script, no link, no source, no import: it reads offline, and its policy forbids loading."""
    reader = _read(run)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.count)
    assert not {name for name, _ in reader.attributes} & {"src", "href", "srcset", "onload"}
    assert not re.search(r"@import|url\(", run_page.page(run))
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes


def test_text_is_text(run: RoadRun) -> None:
    """Angle brackets of notes, names and answers do not become elements."""
    reader = _read(
        dataclasses.replace(run, answer={"x": "<script>alert(1)</script>"}, url="http://a/<b>$body")
    )
    assert "script" not in reader.count
    assert "a <b>note</b>" in " ".join(reader.text)
    assert "http://a/<b>$body" in " ".join(reader.text)


def test_three_plots_and_a_fourth_of_failures(run: RoadRun) -> None:
    """Replicas, rate and latency always; failures only when there were some."""
    assert _read(run).count["svg"] == 3
    failing = dataclasses.replace(run, load=load(failing=range(15, 17)))
    reader = _read(failing)
    assert reader.count["svg"] == 4
    assert "20 failed (20 http status)" in " ".join(reader.text)


def test_without_a_load_there_is_still_a_page(run: RoadRun) -> None:
    """No load: no plots, no tiles, and a sentence that says so."""
    reader = _read(dataclasses.replace(run, load=None, samples=(), next_commands=(), notes=()))
    assert "svg" not in reader.count
    assert "No load was sent" in " ".join(reader.text)


def test_an_invalid_measurement_says_so(run: RoadRun) -> None:
    """A reason of the generator is on the page and in the summary."""
    assert run.load is not None
    late = dataclasses.replace(run, load=dataclasses.replace(run.load, reasons=("the generator was late",)))
    assert "not valid: the generator was late" in " ".join(_read(late).text)
    assert "not valid: the generator was late" in "\n".join(summary.lines(late))


def test_light_and_dark_have_the_same_colours_defined(run: RoadRun) -> None:
    """Every variable of the style is set for both schemes."""
    light, dark = re.findall(r":root \{(.*?)\}", run_page.page(run), re.DOTALL)
    assert re.findall(r"--\w+", light) == re.findall(r"--\w+", dark)
    assert set(re.findall(r"var\((--\w+)\)", run_page.page(run))) <= set(re.findall(r"--\w+", light))


def test_the_file_is_replaced_whole(run: RoadRun, tmp_path: Path) -> None:
    """Folders are made; a second page replaces the first and leaves nothing beside it."""
    path = tmp_path / "out" / "road.html"
    run_page.write_page(run, path)
    assert run_page.write_page(dataclasses.replace(run, revision="four"), path) == path.resolve()
    assert "four" in path.read_text(encoding="utf-8")
    assert [found.name for found in path.parent.iterdir()] == ["road.html"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    run: RoadRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while writing keeps the old page and no half one."""
    path = tmp_path / "road.html"
    run_page.write_page(run, path)
    before = path.read_text(encoding="utf-8")

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_page.write_page(dataclasses.replace(run, revision="four"), path)
    assert path.read_text(encoding="utf-8") == before
    assert [found.name for found in tmp_path.iterdir()] == ["road.html"]


def test_the_story_has_the_times_of_the_samples(run: RoadRun) -> None:
    """More wanted at 12 s, three ready at 20 s."""
    assert story(run)[-1] == (
        "1 replica was ready at the start, more were wanted after 12 s, 3 were ready after 20 s."
    )
    steady = tuple(ReplicaSample(float(t), 2, 2, 2) for t in range(5))
    assert story(dataclasses.replace(run, samples=steady))[-1].startswith("2 were ready all the time")


def test_seconds_are_joined_when_there_are_many() -> None:
    """60 s in at most 20 bins: 3 s each, rates per second, p50 the median, p99 the worst of its seconds."""
    width, joined = bins(load(slow=range(10, 11)), most=20)
    assert (width, len(joined)) == (3, 20)
    assert {one.offered for one in joined} == {10.0}
    assert joined[3].time == 10.5
    assert joined[3].p50_seconds == pytest.approx(0.01)
    assert joined[3].p99_seconds == pytest.approx(0.4)
    assert bins(load())[0] == 1


def test_a_piece_of_a_second_keeps_its_rate() -> None:
    """A load that ended at 59.5 s has the same rate in its last half second."""
    whole = load()
    part = dataclasses.replace(
        whole,
        seconds=59.5,
        series=(*whole.series[:-1], dataclasses.replace(whole.series[-1], offered=5, ok=5)),
    )
    assert bins(part)[1][-1].offered == pytest.approx(10.0)


def test_the_summary_tells_the_same_in_lines(run: RoadRun) -> None:
    """Image, prediction, story, trends, stations and next commands; rows of blocks end with their maximum."""
    text = "\n".join(summary.lines(run))
    for part in (
        run.image,
        run.url,
        "none failed",
        "at most 3 replicas",
        "at most 400 ms",
        "watch it",
        "image (kept)",
    ):
        assert part in text, part
    console = Console(file=io.StringIO(), width=100)
    console.print(summary.render(run))
    assert run.revision in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_ready_trend_follows_the_samples(run: RoadRun) -> None:
    """The row of blocks rises where the samples do: at a third of the load."""
    [ready] = [text for label, text in summary.rows(run) if label == "ready"]
    blocks = ready.split(" at most")[0]
    assert len(blocks) == 60
    assert set(blocks[:20]) == {"▃"}
    assert set(blocks[20:]) == {"█"}
    assert samples()[19].ready == 1
