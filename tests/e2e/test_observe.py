"""Every expression of boards, rules, alerts, status and report, on a release that is under load."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e import load
from tests.e2e.expressions import opened, parts
from tests.e2e.rig import Project, Rig, wait
from tests.unit.observe.promql import names

from ekiben.clients import helm, tools
from ekiben.ground.layout import Layout
from ekiben.observe import demand, queries
from ekiben.observe.boards import grafana

CHART = Path(__file__).resolve().parents[2] / "helm" / "model-server"
RULE = "monitoring.coreos.com/v1/PrometheusRule"
LOAD_SECONDS, BURST, MOST_AT_ONCE = 60, 60, 960
STEPS_SECONDS = 90  # of a report of two hours a step is 30 s; making one takes some seconds
MOST_ROWS = 10_000  # that a pod takes in one request
LINKS = {"runbookUrl": "https://git.example/runbook.md", "grafanaUrl": "https://grafana.example"}
# Not tested live: nothing here gives these series. One that is there is an error, and so is another that is
# not.
NOT_LIVE = {
    "kube_horizontalpodautoscaler_status_condition": "no kube-state-metrics here",
    "kube_horizontalpodautoscaler_status_desired_replicas": "no kube-state-metrics here",
    "kube_pod_container_status_restarts_total": "no kube-state-metrics here",
    "model_recheck_score": "iris carries no labelled rows",
    "model_recheck_expected_score": "iris carries no labelled rows",
    "model_rechecks_total": "iris carries no labelled rows",
}


def _groups(project: Project, rig: Rig) -> list[dict[str, Any]]:
    """The rules as the chart makes them from the release's own values, and those of the demand."""
    values = rig.values("iris", project.namespace)
    values["prometheusRule"] = {**values["prometheusRule"], "enabled": True, "intervalSeconds": 5, **LINKS}
    text = helm.template(tools.find("helm"), CHART, "iris", project.namespace, values, api_versions=(RULE,))
    [found] = [each for each in yaml.safe_load_all(text) if each and each["kind"] == "PrometheusRule"]
    scope = queries.Scope(project.namespace, "iris")
    groups: list[dict[str, Any]] = [*found["spec"]["groups"], demand.group(scope, demand.Aim(10.0, 20.0))]
    for group in groups:
        group["name"] += f".{project.namespace}"
    return groups


@pytest.fixture(scope="module")
def rules(project: Project, rig: Rig, revision: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The release's rules, evaluated by the cluster's own Prometheus, which has no operator."""
    assert revision["revision"]
    groups = _groups(project, rig)
    path = Layout.of(rig.address.context.removeprefix("ekiben-")).rules / f"{project.namespace}.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    try:
        _reload(rig)
        yield groups
    finally:
        path.unlink()
        _reload(rig)


def _reload(rig: Rig) -> None:
    request = urllib.request.Request(f"{rig.address.prometheus_url}/-/reload", method="POST")
    urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture(scope="module")
def loaded(project: Project, rules: list[dict[str, Any]], model: dict[str, Any]) -> None:
    """A minute of load; beside it rows that do not fit, and more at once than a pod takes."""
    assert rules
    where = load.target(project, Path(model["folder"]))
    url = project.url()
    refused = json.dumps({"instances": [["wide", 3.5, 1.4, 0.2]] * 10}).encode()
    with load.running(where, load.steady(8, LOAD_SECONDS)) as done:
        time.sleep(10)
        for _ in range(10):
            # On a busy machine a pod may have no room for it: then once more.
            wait(lambda: b" 422 " in _sent(url, refused), 20, "a refusal")
        _overload(url)
    assert done[0].ok > 0


def _overload(url: str) -> None:
    """Ask for more at once than the pods take, twice as much each time, until a burst's worth was refused."""
    large = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * MOST_ROWS}).encode()
    refused, at_once = 0, BURST
    while refused < BURST:
        with ThreadPoolExecutor(at_once) as crowd:
            said = list(crowd.map(_sent, [url] * at_once, [large] * at_once))
        refused += sum(b" 503 " in each for each in said)
        at_once *= 2
        assert refused >= BURST or at_once <= MOST_AT_ONCE, f"{refused} were refused, the last: {said[-1]!r}"


def _sent(address: str, body: bytes) -> bytes:
    url = urllib.parse.urlsplit(address)
    assert url.hostname
    fields = f"Host: iris\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = f"POST /predict HTTP/1.1\r\n{fields}\r\n"
    with socket.create_connection((url.hostname, url.port or 80), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):  # a refusal may end it before all is read
            connection.sendall(head.encode() + body)
        with contextlib.suppress(ConnectionError):
            return connection.recv(64)
    return b""


def _boards(project: Project) -> dict[str, str]:
    """What panels and marks ask, by what it is of."""
    chosen = {"$namespace": project.namespace, "$release": "iris", "$__rate_interval": "1m"}

    def asked(text: str) -> str:
        for variable, value in chosen.items():
            text = text.replace(variable, value)
        return text

    found = {}
    for board in grafana.BOARDS:
        document = json.loads(grafana.text(board))
        for panel in document["panels"]:
            for target in panel.get("targets", []):
                name = f"{board.uid}: {panel['title']}, {target['legendFormat']}"
                found[name] = asked(target["expr"])
        for mark in document["annotations"].get("list", []):
            # It is there for a minute after the release.
            found[f"{board.uid}: {mark['name']}"] = f"max_over_time(({asked(mark['expr'])})[3h:30s])"
    return found


def _rules(groups: list[dict[str, Any]]) -> dict[str, str]:
    """What is recorded, the parts of alerts, and how they are joined."""
    found = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        if "record" in rule:
            found[f"record {rule['record']}"] = rule["record"] + _labels(rule)
            continue
        alert, window = rule["alert"], rule["labels"].get("long_window", "")
        if "unless" not in rule["expr"]:
            found[f"alert {alert} {window} joined"] = opened(rule["expr"])
        for number, part in enumerate(parts(rule["expr"])):
            found[f"alert {alert} {window} part {number}"] = part
    return found


def _labels(rule: dict[str, Any]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items()) + "}"


def _status(project: Project) -> dict[str, str]:
    """What `ekiben status` asks."""
    scope = queries.Scope(project.namespace, "iris")
    asked = {
        name: getattr(queries, name)(scope)
        for name in (
            "request_rate", "arrivals_rate", "predictions_rate", "error_ratio", "in_progress",
            "request_rate_per_pod", "cpu_per_pod", "serving_replicas",
        )
    }  # fmt: skip
    return {f"status {name}": text for name, text in asked.items()} | {
        "status latency": queries.latency_quantile(scope, 0.99)
    }


def _gives_data(rig: Rig, expression: str) -> bool:
    body = urllib.parse.urlencode({"query": expression}).encode()
    with urllib.request.urlopen(f"{rig.address.prometheus_url}/api/v1/query", body, timeout=30) as response:
        found = json.load(response)["data"]["result"]
    return any(not math.isnan(float(each["value"][1])) for each in found)


def _names_of(rig: Rig, matching: str) -> set[str]:
    """Names of series that there were within 10 minutes."""
    query = urllib.parse.urlencode({"match[]": matching, "start": time.time() - 600})
    url = f"{rig.address.prometheus_url}/api/v1/label/__name__/values?{query}"
    with urllib.request.urlopen(url, timeout=30) as response:
        return set(json.load(response)["data"])


def _firing(rig: Rig, namespace: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{rig.address.prometheus_url}/api/v1/alerts", timeout=30) as response:
        alerts = json.load(response)["data"]["alerts"]
    return [
        each for each in alerts if each["state"] == "firing" and each["labels"].get("namespace") == namespace
    ]


@pytest.fixture(scope="module")
def expressions(project: Project, rules: list[dict[str, Any]]) -> dict[str, str]:
    """All of them, by what they are of."""
    found = {**_boards(project), **_rules(rules), **_status(project)}
    assert len(found) > 150
    return found


def test_every_expression_returns_data(rig: Rig, expressions: dict[str, str], loaded: None) -> None:
    """Panels, marks, records, parts of alerts, and their joints: what is empty is listed, and no other."""
    del loaded
    pending = dict(expressions)
    listed = {key for key, text in expressions.items() if names(text) <= NOT_LIVE.keys()}

    def only_listed_is_empty() -> bool:
        for key in [key for key, text in pending.items() if _gives_data(rig, text)]:
            del pending[key]
        return pending.keys() <= listed

    try:
        wait(only_listed_is_empty, 90, "data")
    finally:
        Rig.figures.append({"expressions": len(expressions), "empty": len(pending), "listed": len(listed)})
        assert {key: expressions[key] for key in pending} == {key: expressions[key] for key in listed}


def test_every_name_is_scraped(project: Project, rig: Rig, expressions: dict[str, str], loaded: None) -> None:
    """Each series that an expression reads is in a pod's own text, or in what Prometheus has of others."""
    del loaded
    read = set[str]().union(*map(names, expressions.values()))
    pods = {
        line.split("{")[0].split(" ")[0]
        for text in project.scrape().values()
        for line in text.splitlines()
        if line and not line.startswith("#")
    }
    ours = f'{{namespace="{project.namespace}",release="iris",pod=""}}'
    others = _names_of(rig, '{__name__=~".+",release=""}') | _names_of(rig, ours)
    assert read - pods - others == NOT_LIVE.keys()


def test_the_burst_pages_somebody_who_finds_the_way(
    project: Project, rig: Rig, rules: list[dict[str, Any]], loaded: None
) -> None:
    """More failed than the budget allows: the alert fires, and links to the runbook and this release."""
    del loaded
    assert rules
    burning = "EkibenAvailabilityBudgetBurn"
    links = (
        f"https://git.example/runbook.md#{burning.lower()}",
        f"https://grafana.example/d/ekiben-release?var-namespace={project.namespace}&var-release=iris",
    )

    def linked() -> bool:
        """The release has rules of its own beside these, with its own links."""
        found = [
            a["annotations"] for a in _firing(rig, project.namespace) if a["labels"]["alertname"] == burning
        ]
        return links in [(each.get("runbook_url"), each.get("dashboard_url")) for each in found]

    wait(linked, 30, f"{burning} with {links}")


def test_the_objective_is_that_of_ekiben_yaml(project: Project, rig: Rig, loaded: None) -> None:
    """What Prometheus records of the release is what its file promises, by Helm's values and the chart."""
    del loaded
    promised = yaml.safe_load((project.root / "bentos/iris/ekiben.yaml").read_text())["observe"]
    ours = f'{{namespace="{project.namespace}",release="iris"}}'
    assert rig.query(f"ekiben_objective_availability_ratio{ours}") == promised["objective_ratio"]
    assert rig.query(f"ekiben_objective_latency_ratio{ours}") == promised["objective_ratio"]
    assert rig.query(f"ekiben_objective_latency_seconds{ours}") == promised["latency_seconds"]


def test_the_report_has_every_panel(project: Project, tmp_path: Path, loaded: None) -> None:
    """`ekiben report` draws what the boards show; what has no data says so, and nothing was refused."""
    del loaded
    page, found = tmp_path / "report.html", dict[str, Any]()

    def burnt() -> bool:
        """Its points stand at whole steps: the burst is on one a step later at most."""
        found.update(project.ekiben("report", "iris", "--since", "2h", "--output", str(page)))
        return any("Burn of the availability budget" in each for each in found["findings"])

    wait(burnt, STEPS_SECONDS, "a report of the burst")
    assert found["page"] == str(page.resolve())
    assert [each for each in found["panels"] if each["errors"]] == []
    assert {each["panel"] for each in found["panels"] if not each["has_data"]} == {"Score on labelled rows"}
    assert any("version" in each["text"] for each in found["moments"])
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == len({each["panel"] for each in found["panels"] if each["has_data"]})
    assert "Not known." not in text
