"""Every panel over the series of a pod, in Prometheus' own engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rules.alert_case import container, given, pod, series

from ekiben.clients import command
from ekiben.observe import rules
from ekiben.observe.boards import grafana
from ekiben.observe.boards.board import Board

pytestmark = pytest.mark.timeout(900)  # the first one may have to build promtool

BOARDS = pytest.mark.parametrize("board", grafana.BOARDS, ids=lambda board: board.uid)
CHOSEN = {"$namespace": "models", "$release": "iris", "$__rate_interval": "5m"}
# Names as a pod and Kubernetes' programs give them, once more: a metric that is renamed is missed.
MORE = {
    pod("http_server_arrivals_total", http_route="/predict"): "0+600x200",
    pod("http_server_active_requests", http_route="/predict"): "3x200",
    pod("http_server_open_connections"): "5x200",
    pod("model_queue_duration_seconds_bucket", version="1", le="0.001"): "0+600x200",
    pod("model_queue_duration_seconds_bucket", version="1", le="+Inf"): "0+600x200",
    pod("model_predict_duration_seconds_bucket", version="1", le="0.001"): "0+600x200",
    pod("model_predict_duration_seconds_bucket", version="1", le="+Inf"): "0+600x200",
    pod("model_out_of_range_rows_total", version="1"): "0+1x200",
    pod("model_rejected_requests_total", reason="type"): "0+1x200",
    pod("process_cpu_seconds_total"): "0+6x200",  # 0.1 cores
    series("ekiben_autoscaling_target_cpu_ratio"): "0.6x200",
    series("release:demand_replicas:sum"): "1.4x200",
    container("container_memory_working_set_bytes"): "1e8x200",
    container("container_spec_memory_limit_bytes"): "5e8x200",
    container("container_spec_cpu_quota"): "25000x200",
    container("container_spec_cpu_period"): "100000x200",
    pod("model_info", pod="iris-77-b", version="2", artefact_sha256="bb"): "_x120 1x80",
    pod("up", pod="iris-77-b"): "_x120 1x80",
    'horizontal_pod_autoscaler_controller_metric_computation_total{action="none",error="internal",'
    'metric_type="Resource"}': "0+1x200",
    'ALERTS{namespace="models",release="iris",alertname="EkibenX",alertstate="firing"}': "1x200",
}


def _asked(board: Board) -> dict[str, str]:
    """Expressions by what they are of, with values for the page's variables."""
    document = json.loads(grafana.text(board))
    found = {
        f"{panel['title']}, {target['legendFormat']}": target["expr"]
        for panel in document["panels"]
        for target in panel.get("targets", [])
    } | {mark["name"]: mark["expr"] for mark in document["annotations"].get("list", [])}
    for variable, value in CHOSEN.items():
        found = {name: text.replace(variable, value) for name, text in found.items()}
    return found


def _judged(promtool: str, folder: Path, tests: list[dict[str, Any]]) -> None:
    (folder / "rules.yaml").write_text(rules.text(rules.groups()), encoding="utf-8")
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": ["ekiben.indicators", "ekiben.alerts"],
        "tests": [{"interval": "1m", "input_series": given(MORE), "promql_expr_test": tests}],
    }
    path = folder / "boards.test.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = command.run([promtool, "test", "rules", str(path)], check=False, show=False)
    assert done.status == 0, done.stdout + done.stderr


@BOARDS
def test_every_expression_gives_data(promtool: str, tmp_path: Path, board: Board) -> None:
    """Two hours in, as a version begins, no panel and no mark is empty, and none is not a number."""
    _judged(
        promtool,
        tmp_path,
        [
            {
                "expr": f'label_replace(count(({text}) > -Inf) > bool 0, "of", "{name}", "", "")',
                "eval_time": "120m",
                "exp_samples": [{"labels": f'{{of="{name}"}}', "value": 1}],
            }
            for name, text in _asked(board).items()
        ],
    )


def test_numbers_are_what_they_should_be(promtool: str, tmp_path: Path) -> None:
    """10 requests/s at 0.01 CPU seconds each, and 0.25 cores: one pod could answer 25/s; and the like."""
    of = '{namespace="models", release="iris"}'
    found = _asked(grafana.BOARDS[2])
    expected = {
        "Demand and capacity, demand": (of, 10.0),
        "Demand and capacity, ended": (of, 10.0),
        "Demand and capacity, capacity": (of, 25.0),
        "CPU of one request, CPU": (of, 0.01),
        "CPU over the limit, use": (of, 0.4),
        "Replicas, desired": (of, 2.0),
        "Replicas that are missing, missing": (of, 1.0),  # two are wanted, one is there
        "Lag, short of replicas": (of, 3600.0),
    }
    _judged(
        promtool,
        tmp_path,
        [
            {
                "expr": f"round({found[name]}, 0.0001)" if value < 1 else f"round({found[name]}, 0.5)",
                "eval_time": "100m",
                "exp_samples": [{"labels": labels, "value": value}],
            }
            for name, (labels, value) in expected.items()
        ],
    )
