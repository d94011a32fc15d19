"""What the stations left, on disk."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from ekiben.identifiers import ModelTag
from ekiben.road.journey import STATIONS, Journey, fingerprint


def test_a_station_is_finished_for_the_same_input_only(tmp_path: Path) -> None:
    """Another fingerprint means that the station runs again."""
    Journey(tmp_path / "j.json").record("train", "abc", {"tag": ModelTag("iris", "1")}, 1.5)
    again = Journey(tmp_path / "j.json")
    found = again.finished("train", "abc")
    assert found is not None
    assert found.output == {"tag": "iris:1"}
    assert again.finished("train", "abd") is None


def test_another_output_makes_later_stations_stale(tmp_path: Path) -> None:
    """A new model forgets the bento and the image of the old one; the same model keeps them."""
    journey = Journey(tmp_path / "j.json")
    for station in STATIONS:
        journey.record(station, "x", {"of": station}, 0)
    journey.record("train", "x", {"of": "train"}, 0)
    assert journey.last("observe") is not None
    journey.record("train", "y", {"of": "train"}, 0)
    assert [s for s in STATIONS if Journey(tmp_path / "j.json").last(s)] == ["train"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"train": {"station": "train"}}', "\x00"])
def test_a_broken_file_is_an_empty_journey(tmp_path: Path, text: str) -> None:
    """Losing the file costs time, not correctness."""
    (tmp_path / "j.json").write_text(text)
    assert Journey(tmp_path / "j.json").last("train") is None


def test_a_write_that_ends_halfway_keeps_the_old_journey(tmp_path: Path) -> None:
    """No room for the new file (here: the process's own limit): the old one is whole."""
    journey = Journey(tmp_path / "j.json")
    journey.record("train", "x", {"of": "train"}, 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            journey.record("bento", "y", {"of": "b" * 1_000}, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    again = Journey(tmp_path / "j.json")
    assert (again.finished("train", "x") is not None, again.last("bento")) == (True, None)


def test_a_fingerprint_sees_values_and_files(tmp_path: Path) -> None:
    """One changed byte or field is another fingerprint; the order of files is not."""
    one, two = tmp_path / "a.py", tmp_path / "b.py"
    one.write_text("1")
    two.write_text("2")
    first = fingerprint({"seed": 0}, files=[one, two])
    assert first == fingerprint({"seed": 0}, files=[two, one])
    assert first != fingerprint({"seed": 1}, files=[one, two])
    two.write_text("3")
    assert first != fingerprint({"seed": 0}, files=[one, two])
