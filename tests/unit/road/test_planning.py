"""A plan of the cheapest shape: what cannot be measured is left out, and said."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from tests.unit.scale.plan import plans as made

from ekiben.errors import AcceptanceError, ConfigError
from ekiben.road import planning, plans
from ekiben.road.planning import Measuring

HOW = Measuring("budget", "cpu", 60.0, 0.05, 0)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plan is kept; replicas of one and two cores can be measured, those of more cannot."""

    def of_shape(_traveller: Any, _wishes: Any, _progress: Any, _how: Any, cores: int) -> Any:
        if cores > 2:
            raise AcceptanceError(f"no rate meets the objective on {cores}")
        return made.plan(cores=float(cores))

    monkeypatch.setattr(planning, "_of_shape", of_shape)
    path = tmp_path / "plan.json"
    monkeypatch.setattr(plans, "path_of", lambda _traveller: path)
    return path


def planned(*cores: int) -> Any:
    how = Measuring(HOW.headroom, HOW.signal, HOW.seconds, HOW.alpha, HOW.seed, cores)
    return planning.plan(None, made.wishes(), lambda _progress: None, how)  # type: ignore[arg-type]  # nobody travels


def test_the_cheapest_is_kept_and_what_cannot_be_measured_is_said(
    kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same target on one core as on two: one. The third number of cores is a warning."""
    with caplog.at_level(logging.WARNING):
        found = planned(1, 2, 3)
    assert [each.cores for each in found.shapes] == [1, 2]
    assert found["cores"] == 1
    assert plans.read(kept) == found
    assert "no plan for replicas of 3 cores: no rate meets the objective on 3" in caplog.text


def test_what_was_asked_alone_is_an_error_when_it_cannot_be_measured(
    kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is kept; of several reasons the first is raised."""
    with caplog.at_level(logging.WARNING), pytest.raises(AcceptanceError, match="on 3"):
        planned(3)
    assert not caplog.text
    with pytest.raises(AcceptanceError, match="on 4"):
        planned(4, 3)
    assert not kept.exists()


def test_cores_that_the_quota_does_not_hold_are_left_out(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peak beyond the quota on one core is no reason not to plan for two."""

    def of_shape(*args: Any) -> Any:
        if args[-1] == 1:
            raise ConfigError("expected a peak that the quota carries")
        return made.plan()

    monkeypatch.setattr(planning, "_of_shape", of_shape)
    assert planned(1, 2)["cores"] == 2
    assert kept.exists()
