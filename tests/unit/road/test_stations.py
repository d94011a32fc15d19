"""What a second walk does again: only stations whose input or output is not what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.road.test_scaling import DOCUMENT

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.road import stations
from ekiben.road.journey import Journey
from ekiben.road.stations import Traveller
from ekiben.train import station


class Training:
    """Leaves an artefact's folder, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.times = folder, 0

    def train(self, *_: Any) -> dict[str, str]:
        self.times += 1
        self.folder.mkdir(exist_ok=True)
        (self.folder / "manifest.json").write_text("{}")
        return {"folder": str(self.folder), "tag": "iris:1"}


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    """Station 1 without its minutes, and a model of one file."""
    found = Training(tmp_path / "artefact")
    monkeypatch.setattr(station, "train", found.train)
    (tmp_path / "bentos" / "iris").mkdir(parents=True)
    (tmp_path / "bentos" / "iris" / "estimator.py").write_text("one")
    return found


def traveller(folder: Path, **changes: Any) -> Traveller:
    """The next run's: what was left is read from the disk."""
    found = config.parse({**DOCUMENT, **changes}, "test")
    return Traveller(found, folder, "models", Journey(folder / "journey.json"))


def test_a_finished_station_is_kept(tmp_path: Path, training: Training) -> None:
    """The second run says so and works no more; `again` does."""
    first, second = (stations.train(traveller(tmp_path)) for _ in range(2))
    assert (first.kept, second.kept, training.times) == (False, True, 1)
    assert second.output == first.output
    assert stations.train(traveller(tmp_path), again=True).kept is False
    assert training.times == 2


def test_an_output_that_is_gone_is_made_again(tmp_path: Path, training: Training) -> None:
    """Whatever the journey says: somebody emptied the store."""
    stations.train(traveller(tmp_path))
    (training.folder / "manifest.json").unlink()
    assert stations.train(traveller(tmp_path)).kept is False
    assert (training.folder / "manifest.json").exists()


def test_another_input_is_worked_on_again(tmp_path: Path, training: Training) -> None:
    """A changed file of the model's own, or a setting of the station; another section's changes nothing."""
    stations.train(traveller(tmp_path))
    (tmp_path / "bentos" / "iris" / "estimator.py").write_text("two")
    assert stations.train(traveller(tmp_path)).kept is False
    other = {**DOCUMENT["train"], "seed": 7}  # type: ignore[dict-item]  # a mapping
    assert stations.train(traveller(tmp_path, train=other)).kept is False
    assert stations.train(traveller(tmp_path, train=other, observe={"latency_seconds": 1})).kept is True
    for recheck, kept in (({"rows": 9}, False), ({"rows": 9, "seconds": 5}, True)):
        assert stations.train(traveller(tmp_path, train=other, observe={"recheck": recheck})).kept is kept
    assert training.times == 4


def test_work_that_fails_is_not_written_down(tmp_path: Path, training: Training) -> None:
    """The next run does it, and finds no half of it."""
    broken = training.folder / "none" / "deeper"
    training.folder, right = broken, training.folder
    with pytest.raises(FileNotFoundError):
        stations.train(traveller(tmp_path))
    training.folder = right
    assert Journey(tmp_path / "journey.json").last("train") is None
    assert stations.train(traveller(tmp_path)).kept is False


def test_a_station_names_the_one_before_it(tmp_path: Path) -> None:
    """Nothing was trained: the error says which station is missing, and what to type."""
    with pytest.raises(ConfigError, match="has not passed the station 'train' yet") as error:
        stations.bento(traveller(tmp_path))
    assert "ekiben train iris" in error.value.remedy
