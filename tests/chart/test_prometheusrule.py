"""Rules and boards of a release: only where they are wanted and known, and about this release alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, Render

from ekiben.observe import objectives

RULE = "monitoring.coreos.com/v1/PrometheusRule"


def _groups(render: Render, **values: object) -> list[dict[str, object]]:
    given = {"prometheusRule": {"enabled": True, **values.pop("rule", {})}, **values}  # type: ignore[dict-item]
    found = render(given, api_versions=(RULE,)).named("PrometheusRule")
    groups: list[dict[str, object]] = found["spec"]["groups"]
    return groups


def test_rules_are_off_by_default_and_need_their_kind(render: Render) -> None:
    """None by default, and none where no CRD is installed."""
    assert "PrometheusRule" not in render(api_versions=(RULE,)).kinds()
    assert "PrometheusRule" not in render({"prometheusRule": {"enabled": True}}).kinds()


def test_the_rules_are_the_files_narrowed_to_the_release(render: Render) -> None:
    """Every group of the file is there, each selector with the release's own namespace and name."""
    [_, *groups] = _groups(render, rule={"intervalSeconds": 20})
    file = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"]
    for group in file:
        group["interval"] = "20s"
        for rule in group["rules"]:
            rule["expr"] = rule["expr"].replace('release!=""', 'namespace="models",release="iris"')
    assert groups == file


def test_links_of_alerts_have_the_hosts_that_are_given(render: Render) -> None:
    """Every alert links to its section of the runbook there, and to its board below that Grafana."""
    hosts = {"runbookUrl": "https://git.example/runbook", "grafanaUrl": "https://example.com/grafana"}
    groups = _groups(render, rule=hosts)
    rules = [rule for group in groups for rule in group["rules"]]  # type: ignore[attr-defined]  # YAML
    alerts = [rule for rule in rules if "alert" in rule]
    assert len(alerts) > 15
    for alert in alerts:
        links = alert["annotations"]
        assert links["runbook_url"] == f"https://git.example/runbook#{alert['alert'].lower()}"
        assert links["dashboard_url"].startswith("https://example.com/grafana/d/ekiben-")
        assert links["dashboard_url"].endswith("&var-release={{ $labels.release }}")


@pytest.mark.parametrize(
    "wrong",
    [{"grafanaUrl": "https://example.com/"}, {"grafanaUrl": "example.com"}, {"runbookUrl": "https://x#y"}],
)
def test_hosts_that_would_break_links_are_refused(
    refusal: Callable[[Mapping[str, Any]], str], wrong: dict[str, str]
) -> None:
    """A slash too many, a host without its scheme, an anchor before the alert's own."""
    assert next(iter(wrong)) in refusal({"prometheusRule": wrong})


def test_no_rule_reads_series_of_another_release(render: Render) -> None:
    """Each series of ours is selected by the release; what is Kubernetes' own is joined with one that is."""
    foreign = re.compile(r"^(container_|kube_|horizontal_pod_autoscaler_controller_)")
    for rule in (rule for group in _groups(render)[1:] for rule in group["rules"]):  # type: ignore[attr-defined]
        names = re.findall(r"([a-z_:0-9]+)(\{[^}]*\})", rule["expr"])
        assert all('release="iris"' in found for name, found in names if not foreign.match(name)), rule
        assert 'namespace="models",release="iris"' in rule["expr"]
        # A recorded series without a selector would be everybody's.
        assert not re.search(r"(release:\w+|ekiben_\w+)(?![\w:{])", re.sub(r"\{[^}]*\}", "{", rule["expr"]))


@pytest.mark.parametrize(
    ("values", "objective"),
    [
        ({}, objectives.Objective(replicas=(2, 10), target_cpu_percent=60)),
        ({"autoscaling": {"enabled": False}}, objectives.Objective()),
        (
            {
                "server": {"objectiveSeconds": [0.05, 0.1]},
                "rule": {"objective": {"availabilityRatio": 0.9995, "latencyRatio": 0.95}},
                "autoscaling": {"minReplicas": 3, "maxReplicas": 7, "targetCPUUtilizationPercentage": 7},
            },
            objectives.Objective(0.9995, 0.95, 0.05, (3, 7), 7),
        ),
        (
            {"server": {"objectiveSeconds": [1]}},
            objectives.Objective(latency_seconds=1, replicas=(2, 10), target_cpu_percent=60),
        ),
    ],
)
def test_the_objective_is_recorded_as_the_room_does(
    render: Render, values: dict[str, object], objective: objectives.Objective
) -> None:
    """The chart's group is the one that ekiben.observe.objectives makes, down to the bucket's edge."""
    [found, *_] = _groups(render, **values)
    expected = objectives.group("models", "iris", objective)
    assert found == {**expected, "interval": "30s"}


def test_the_boards_are_off_by_default_and_then_what_the_files_are(render: Render) -> None:
    """A ConfigMap that a dashboard sidecar finds by its label, each board under its file's name."""
    assert "ConfigMap" not in render().kinds()
    found = render({"dashboards": {"enabled": True}}).named("ConfigMap", "iris-dashboards")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    files = {
        each.name: each.read_text(encoding="utf-8") for each in (CHART / "files" / "dashboards").iterdir()
    }
    assert len(files) == 3
    assert found["data"] == files
    assert len(json.dumps(found)) < 1_000_000  # a ConfigMap holds 1 MiB
