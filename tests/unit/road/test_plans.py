"""Which plan a release takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.release.test_values import configured
from tests.unit.scale.plan import plans as made

from ekiben.errors import ConfigError
from ekiben.road import plans
from ekiben.road.journey import Journey
from ekiben.road.stations import Traveller


@pytest.fixture
def traveller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traveller:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path / "state"))
    return _traveller(tmp_path)


def _traveller(project: Path, **sections: Any) -> Traveller:
    return Traveller(configured(**sections), project, "models", Journey.of(project, "iris"))


def _keep(traveller: Traveller, text: str) -> Path:
    path = plans.path_of(traveller)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_plan_everything_stays_as_it_is(traveller: Traveller) -> None:
    """`auto` takes none, and the configuration is untouched."""
    assert plans.chosen(traveller) is None
    assert plans.applied(traveller.config, None) is traveller.config


def test_the_plan_that_was_made_last_is_taken(traveller: Traveller) -> None:
    """`auto` and `required` take what is kept; `never` does not; a file is read from where it is."""
    found = made.plan()
    path = _keep(traveller, found.text())
    assert plans.chosen(traveller) == plans.chosen(traveller, "required") == found
    assert plans.chosen(traveller, "never") is None
    moved = path.rename(path.with_name("mine.json"))
    assert plans.chosen(traveller) is None
    assert plans.chosen(traveller, str(moved)) == found


def test_the_section_chooses_and_the_flag_overrules(traveller: Traveller, tmp_path: Path) -> None:
    """`scale.plan: required` without a plan is an error; `--plan never` goes on."""
    strict = _traveller(tmp_path, scale={"plan": "required"})
    with pytest.raises(ConfigError, match="expected a capacity plan of iris, found none"):
        plans.chosen(strict)
    assert plans.chosen(strict, "never") is None
    assert plans.chosen(traveller, "auto") is None


def test_a_plan_that_was_changed_stops_the_release(traveller: Traveller) -> None:
    """Its numbers are computed again whenever it is read."""
    _keep(traveller, made.plan().text().replace('"value": 21.0', '"value": 50.0'))
    with pytest.raises(ConfigError, match="max_replicas"):
        plans.chosen(traveller)


@pytest.mark.parametrize(("trained", "told"), [("the same", False), ("sha256:" + "1" * 64, True)])
def test_a_plan_of_an_earlier_artefact_says_so(
    traveller: Traveller, caplog: pytest.LogCaptureFixture, trained: str, told: bool
) -> None:
    """Whoever reads a plan after the model was trained again is told, and of both versions."""
    found = made.plan()
    _keep(traveller, found.text())
    subject = found.subject
    sha256 = subject.artefact_sha256 if trained == "the same" else trained
    traveller.journey.record("train", "", {"artefact_sha256": sha256, "tag": "iris:later"}, 0.0)
    assert plans.required(traveller) == found
    assert [f"{subject.model}:{subject.version}" in text for text in caplog.messages] == [True] * told
    assert ["iris:later was trained since" in text for text in caplog.messages] == [True] * told


def test_a_file_that_is_not_there_is_named(traveller: Traveller, tmp_path: Path) -> None:
    """The message has its path."""
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        plans.chosen(traveller, str(tmp_path / "nowhere.json"))


def test_the_load_of_the_road_is_shaped_by_the_plan(traveller: Traveller) -> None:
    """Replicas, target and CPU request of the configuration become those of the plan."""
    found = plans.applied(traveller.config, made.plan())
    assert (found.scale.min_replicas, found.scale.max_replicas) == (3, 21)
    assert found.scale.target_cpu_percent == 99
    assert found.release.resources.request_cores == pytest.approx(1.29)
    assert found.release.resources.cpu_limit == traveller.config.release.resources.cpu_limit
