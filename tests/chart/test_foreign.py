"""A BentoML service that ekiben did not pack: the chart alone, without an artefact."""

from __future__ import annotations

from typing import Any

from tests.chart.conftest import POD_MONITOR, SERVICE_MONITOR, Render, values_of

FOREIGN: dict[str, Any] = {"server": {"enabled": False}}


def test_nothing_of_ours_is_told_to_it(render: Render) -> None:
    """Its variables are its own, and there are no golden rows to test with."""
    found = render(values_of("foreign"))
    assert found.container["env"] == [{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}]
    assert "env" not in render(FOREIGN).container
    assert "Pod" not in found.kinds()
    assert "EKIBEN" not in str(found.objects)


def test_command_and_arguments_are_its_own(render: Render) -> None:
    """What was given is what the container starts."""
    container = render(values_of("foreign")).container
    assert container["command"] == ["/home/bentoml/bento/env/docker/entrypoint.sh"]
    assert container["args"] == ["serve", "--timeout", "60"]
    assert not {"command", "args"} & set(render().container)


def test_traffic_moves_away_before_it_is_told_to_end(render: Render) -> None:
    """A foreign server does not drain: preStop sleeps, within the grace; ours needs none."""
    found = render({**FOREIGN, "drainSeconds": 12})
    assert found.container["lifecycle"] == {"preStop": {"sleep": {"seconds": 12}}}
    assert found.pod["spec"]["terminationGracePeriodSeconds"] == 2 * 12 + 30 + 10
    own = render(values_of("foreign")).container["lifecycle"]
    assert own == {"preStop": {"sleep": {"seconds": 15}}}
    assert "lifecycle" not in render().container


def test_one_port_may_serve_requests_and_metrics(render: Render) -> None:
    """Then there is one port of the container, and Service, policy, annotation and monitors lead to it."""
    values = values_of("foreign")
    found = render(values)
    assert [(p["name"], p["containerPort"]) for p in found.container["ports"]] == [("http", 3000)]
    ports = {p["name"]: p["targetPort"] for p in found.named("Service")["spec"]["ports"]}
    assert ports == {"http": "http", "metrics": "http"}
    assert found.pod["metadata"]["annotations"]["prometheus.io/port"] == "3000"
    ingress = found.named("NetworkPolicy")["spec"]["ingress"]
    assert [[p["port"] for p in rule["ports"]] for rule in ingress] == [["http"], ["http"]]
    monitored = render({**values, "podMonitor": {"enabled": True}}, api_versions=(POD_MONITOR,))
    assert monitored.named("PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"] == "http"
    watched = render({**values, "serviceMonitor": {"enabled": True}}, api_versions=(SERVICE_MONITOR,))
    assert watched.named("ServiceMonitor")["spec"]["endpoints"][0]["port"] == "metrics"
