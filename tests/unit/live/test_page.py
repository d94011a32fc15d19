"""The page says what the raw results say, and no more."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.live import comparison, figure, journal, page, policies, report
from tests.live.journal import Record
from tests.unit.live import recorded


def row(text: str, name: str, section: str = "## The objective") -> list[str]:
    part = text[text.index(section) :]
    line = next(each for each in part.splitlines() if each.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_what_was_not_run_says_so() -> None:
    """No result at all: each section and each policy."""
    text = page.text([], "s")
    assert "## One replica and two\n\nNot run." in text
    assert row(text, "HPA CPU 80 %")[1:] == ["not run"] * 4
    assert row(text, "ekiben, demand", "## Three times")[1] == "not run"
    assert "No run was compared yet." in text
    assert "No run was recorded yet." in text


def test_policies_of_keda_say_that_it_is_not_there() -> None:
    """Where the replicas were measured on a cluster without it."""
    text = page.text([recorded.basis()], "s")
    assert row(text, "KEDA requests/s")[1] == "not run: KEDA is not installed"
    assert row(text, "ekiben, demand", "## Three times")[1] == "not run: KEDA is not installed"
    assert row(text, "HPA CPU 80 %")[1] == "not run"
    assert row(page.text([recorded.basis(keda=True)], "s"), "KEDA requests/s")[1] == "not run"


def test_replicas_that_do_not_count_are_told_with_the_reason() -> None:
    """Without valid replicas there are no runs."""
    text = page.text([recorded.basis(busy=[0.9]), recorded.run()], "s")
    assert "**No valid measurement**: the node was 90% busy" in text
    assert row(text, "ekiben, CPU")[1] == "not run"
    assert "0.5" not in row(text, "ekiben, CPU")


def test_the_objective_is_judged_by_the_share_of_bad_requests() -> None:
    """30 of 30,000 hold it, 301 of 30,000 break it; only ekiben's runs are counted in the sentence."""
    bad = recorded.run(shape="surge", bad=301)
    text = page.text([recorded.basis(), recorded.run(), bad, recorded.run("HPA CPU 80 %", bad=3_000)], "s")
    assert "**The objective held in 1 of 2 runs of ekiben's plans**; 3 valid runs in all." in text
    assert row(text, "ekiben, CPU")[1:3] == ["0.10, 60 ms, 2.0", "**1.00**, 60 ms, 2.0"]
    assert row(text, "HPA CPU 80 %")[1] == "**10.00**, 60 ms, 2.0"


def test_a_run_that_does_not_count_is_listed_and_not_in_the_table() -> None:
    """With why; the newest valid one of a cell stands in it."""
    records = [recorded.basis(), recorded.run(bad=60), recorded.run(), recorded.run(busy=[0.8] * 300)]
    text = page.text(records, "s")
    assert row(text, "ekiben, CPU")[1] == "0.10, 60 ms, 2.0"
    assert "1 runs do not count" in text
    assert "- ekiben, CPU, step: the node was 80% busy for 30 s" in text


def test_a_load_beyond_the_stated_surge_is_named() -> None:
    """Three times as much at once."""
    steep = recorded.run(segments=[[50.0, 100.0, 50.0], [150.0, 200.0, 150.0]])
    assert "Beyond what was stated: step (grows by 3.00" in page.text([recorded.basis(), steep], "s")


def test_differences_are_told_with_the_misses() -> None:
    """p99 15 % above live is the bound; another simulator than today's is told."""
    run = recorded.run()
    records = [recorded.basis(), run, recorded.replay(journal.name(run), p99_seconds=0.09)]
    text = page.text(records, "s")
    found = row(text, "ekiben, CPU", "## Live against")
    told = ["60 ms", "90 ms (50 to 70), +50%", "0.10 %", "0.10 % (0.00 to 0.20)", "0.00", "**no**: p99"]
    assert found[2:] == told
    assert "The simulator was changed" not in text
    assert "The simulator was changed" in page.text(records, "other")


def steps(parts: int, **fields: object) -> list[Record]:
    return [recorded.basis(), *(recorded.steps(part, **fields) for part in range(parts))]  # type: ignore[arg-type]  # fields of a record


def test_steps_are_told_by_their_quantiles_once_there_are_fifty() -> None:
    """Of 10 to 14 s: half within 12, 95 % within 14, ready 6 s later; a part done again counts once."""
    few = row(page.text(steps(2), "s"), "ekiben, CPU", "## Three times")
    assert few[1:] == ["10", "12.0 s", "14.0 s", "18.0 s", "20.0 s", "50 steps are needed"]
    again = page.text([*steps(10), recorded.steps(9)], "s")
    assert row(again, "ekiben, CPU", "## Three times")[1:] == ["50", *few[2:-1], "met"]
    void = page.text([*steps(9), recorded.steps(9, busy=[0.9] * 500)], "s")
    assert row(void, "ekiben, CPU", "## Three times")[1] == "45"


def test_the_figure_has_a_panel_for_each_load_and_a_line_for_each_policy() -> None:
    """And a grey one for what is needed; it is XML."""
    runs = [recorded.run(), recorded.run("HPA CPU 80 %"), recorded.run(shape="ramp")]
    found = ET.fromstring(figure.figure(runs, 80.0))  # noqa: S314 - our own
    lines = [each for each in found.iter() if each.tag.endswith("polyline")]
    assert [each.get("stroke") for each in lines].count("#999") == 2
    assert len(lines) == 2 + 3
    texts = [each.text or "" for each in found.iter() if each.tag.endswith("text")]
    assert any(each.startswith("ramp: replicas over 300 s") for each in texts)
    assert {each.name for each in policies.POLICIES} <= set(texts)


def test_the_difference_stands_beside_the_simulated_claims(tmp_path: Path) -> None:
    """Behind the paragraph that says that they are simulated; without it, an error."""
    path = tmp_path / "live.jsonl"
    run = recorded.run()
    for each in (recorded.basis(), run, recorded.replay(journal.name(run))):
        journal.append(each, path)
    text = report.beside("# Title\n\nSimulated, not measured: x\ny\n\n| table |\n", path)
    assert text.startswith("# Title\n\nSimulated, not measured: x\ny\n\nAgainst runs on a real cluster")
    assert "1 of 1 runs are within all three bounds" in text
    assert text.endswith("\n\n| table |\n")
    with pytest.raises(ValueError, match="paragraph"):
        report.beside("# Title\n", path)


def test_the_figure_is_there_once_there_is_something_to_draw(tmp_path: Path) -> None:
    """The page always is."""
    path = tmp_path / "live.jsonl"
    assert list(report.files(path)) == [report.PAGE]
    for each in (recorded.basis(), recorded.run()):
        journal.append(each, path)
    assert [each.suffix for each in report.files(path)] == [".md", ".svg"]
    assert len(list(comparison.valid_runs(journal.read(path)))) == 1
