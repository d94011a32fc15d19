"""What stands beside the server in its pods: volumes, init and sidecar containers, variables."""

from __future__ import annotations

import json
from typing import Any

from tests.chart.conftest import CHART, Render, values_of

SIDECAR: dict[str, Any] = {"name": "ship", "image": "r/ship:1"}


def test_containers_are_restricted_unless_they_say_otherwise(render: Render) -> None:
    """One without a securityContext gets the server's, another keeps its own whole."""
    own = {**SIDECAR, "name": "own", "securityContext": {"runAsUser": 7}}
    found = render({"sidecars": [SIDECAR, own], "initContainers": [{**SIDECAR, "name": "first"}]})
    [server, ship, other] = found.pod["spec"]["containers"]
    [first] = found.pod["spec"]["initContainers"]
    assert server["name"] == "model-server"
    assert ship["securityContext"] == first["securityContext"] == server["securityContext"]
    assert other["securityContext"] == {"runAsUser": 7}


def test_volumes_and_mounts_stand_beside_the_charts_own(render: Render) -> None:
    """Passed through whole, after /tmp; a volume of the chart may be mounted elsewhere too."""
    values = {
        "volumes": [{"name": "features", "configMap": {"name": "f"}}],
        "volumeMounts": [
            {"name": "features", "mountPath": "/features", "readOnly": True},
            {"name": "tmp", "mountPath": "/var/tmp"},  # noqa: S108
        ],
    }
    found = render(values)
    assert [one["name"] for one in found.pod["spec"]["volumes"]] == ["tmp", "features"]
    assert found.container["volumeMounts"][1:] == values["volumeMounts"]


def test_the_everything_values_reach_the_container(render: Render) -> None:
    """Variables from elsewhere, users and groups are what was given."""
    found = render(values_of("everything"))
    assert found.container["envFrom"] == [{"configMapRef": {"name": "iris-env", "optional": True}}]
    assert found.container["securityContext"]["runAsUser"] == 20001
    assert found.container["securityContext"]["readOnlyRootFilesystem"] is True
    assert found.pod["spec"]["securityContext"]["supplementalGroups"] == [20002]
    assert found.pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_every_variable_of_the_chart_is_refused_elsewhere(render: Render) -> None:
    """A variable that the chart sets, in any variant, cannot be given a second time."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    refused = set(schema["properties"]["env"]["propertyNames"]["not"]["enum"])
    values = values_of("everything")
    told = {one["name"] for one in render(values).container["env"]} - set(values["env"])
    assert told == refused
