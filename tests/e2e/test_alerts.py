"""Alerts on the cluster, at a sixtieth of their time: a model that fails, and pods that nobody sees.

The short form of `make torture-alerts`, whose releases and faults these are.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.rig import Project, Rig
from tests.torture.alerts import calling, faults, pace, suite
from tests.torture.alerts.faults import Fault
from tests.torture.alerts.release import Image, Release, Seen

from ekiben.release.values import laid_over

HEALTHY_SECONDS = 60


@pytest.fixture(scope="module")
def watched(
    project: Project, rig: Rig, model: dict[str, Any], image: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:  # fmt: skip
    """A release whose rules are at the pace of the faults, called by somebody, and seen."""
    namespace = f"e2e-alerts-{secrets.token_hex(2)}"
    one = Image(image["image"], model["tag"].partition(":")[2], model["artefact_sha256"])
    place = Project(project.root, rig, namespace, project.environment)
    release = Release(place, pace.chart(tmp_path_factory.mktemp("chart") / "chart"), one, one)
    rig.kubectl("create", "namespace", namespace)
    release.install(laid_over(suite.VALUES, faults.SICK))
    release.callers.add(calling.good())
    release.until(lambda: release.targets() == 1, HEALTHY_SECONDS, "a pod that is scraped")
    yield release
    release.callers.stop()
    if not os.environ.get("EKIBEN_E2E_KEEP"):
        release.remove()


@pytest.mark.parametrize("name", ["failing", "unscraped"])
def test_the_right_alert_fires_in_time_and_no_other(watched: Release, name: str) -> None:
    """In Alertmanager, within twice its short window and its `for`; what fired before may go on."""
    fault: Fault = faults.BY_NAME[name]
    before = {each.name for each in watched.alerts()}
    assert fault.alert not in before
    fault.inject(watched)
    bound = pace.bound_seconds(fault.window, fault.hold)
    right = Seen(fault.alert, fault.severity)
    watched.until(lambda: right in watched.alerts(), bound, f"{fault.alert} in Alertmanager")
    assert {each.name for each in watched.alerts()} - before == {fault.alert}
