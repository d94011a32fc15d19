"""The lines of the pod: what is said comes back, what is cut is an error, the rest is a log."""

from __future__ import annotations

import pytest
from tests.unit.scale.conftest import Service

from ekiben.errors import ClusterError, ConfigError
from ekiben.scale.job import lines
from ekiben.scale.load import generator
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import LoadTarget

PROGRESS = Progress(1.5, 60.0, 1200, 30, 29, 1, 2, 19.7, None, 0.0031)


def test_progress_comes_back() -> None:
    """Every field, also those that are None, on one line."""
    line = lines.progress(PROGRESS)
    assert "\n" not in line
    assert lines.read(line) == PROGRESS


def test_a_measurement_comes_back(service: Service) -> None:
    """One that was really measured, with its series and statuses, equal to the last bit."""
    measured = generator.run(LoadTarget(service.url, (b"{}",)), Load((Segment(50, 0.2),)), seed=3)
    line = lines.result(measured)
    assert "\n" not in line
    assert lines.read(line) == measured


def test_an_error_comes_back_with_its_remedy() -> None:
    """Class, message and what to do next; a message of two lines is one line."""
    line = lines.refusal(ClusterError("one\ntwo", remedy="do it"))
    assert "\n" not in line
    assert lines.read(line) == lines.Refusal("ClusterError", "one\ntwo", "do it")


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", ' {"sent": 1}', "ekiben-load-"])
def test_any_other_line_is_a_log(line: str) -> None:
    """Without a mark nothing is read into it."""
    assert lines.read(line) is None


@pytest.mark.parametrize("missing", [1, 30, 100])
def test_a_line_without_its_end_is_no_number(service: Service, missing: int) -> None:
    """A log that was cut is an error of ours, wherever it was cut."""
    whole = lines.result(generator.run(LoadTarget(service.url, (b"{}",)), Load((Segment(50, 0.1),)), seed=3))
    for line in (whole, lines.progress(PROGRESS)):
        with pytest.raises(ConfigError, match="whole line"):
            lines.read(line[:-missing])


def test_a_measurement_that_lacks_a_field_is_refused() -> None:
    """What another version may have written is not guessed at."""
    with pytest.raises(ConfigError, match="another form"):
        lines.read('ekiben-load-result {"sent": 1}')
