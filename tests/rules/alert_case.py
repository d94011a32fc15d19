"""Cases of alerts, and the files that promtool reads of them.

Time begins at 0 with a healthy release; each case replaces some of its series. Series have a sample each
minute: `600x30 0+60x90` is 600 at minutes 0 to 30, then a counter from 0 on.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACE, RELEASE, POD = "models", "iris", "iris-6f8d4fdf5-9sj8b"
RELEASE_BOARD = "/d/ekiben-release?var-namespace=models&var-release=iris"
AUTOSCALING_BOARD = "/d/ekiben-autoscaling?var-namespace=models&var-release=iris"
MINUTES = 3_000  # length of the healthy series
Series = Mapping[str, str | None]


def series(name: str, *, namespace: str = NAMESPACE, release: str = RELEASE, **labels: str) -> str:
    """A series of the release, or of another one."""
    found = {"namespace": namespace, "release": release, **labels}
    written = ",".join(f'{key}="{value}"' for key, value in found.items() if value)
    return f"{name}{{{written}}}"


def requests(outcome: str, **labels: str) -> str:
    """Requests of one outcome."""
    return series("model_requests_total", pod=POD, protocol="ekiben", outcome=outcome, **labels)


def answers(suffix: str, *, status: str = "200", **labels: str) -> str:
    """Durations of the answers to /predict."""
    name = f"http_server_request_duration_seconds_{suffix}"
    return series(name, pod=POD, http_route="/predict", http_response_status_code=status, **labels)


def pod(name: str, *, pod: str = POD, **labels: str) -> str:
    """A series of a pod of the release."""
    return series(name, pod=pod, **labels)


def container(name: str, *, pod: str = POD, **labels: str) -> str:
    """A series of cAdvisor, which knows no release."""
    return series(name, release="", pod=pod, container="model-server", **labels)


OBJECTIVE = series("ekiben_objective_availability_ratio")
EDGE = series("ekiben_objective_latency_seconds", le="0.05")
FEWEST, MOST = series("ekiben_autoscaling_min_replicas"), series("ekiben_autoscaling_max_replicas")
UP, INFO = pod("up"), pod("model_info", version="1", artefact_sha256="aa", predictor="folded")
SCORE = pod("model_recheck_score", version="1", metric="accuracy")
EXPECTED = pod("model_recheck_expected_score", version="1", metric="accuracy")
REJECTED = pod("model_rejected_rows_total", reason="type")
PREDICTED = pod("model_predictions_total")
KEY = pod("access_next_key_expiry_timestamp_seconds")
DESIRED = series("horizontal_pod_autoscaler_controller_desired_replicas", release="", hpa_name="iris")
HPAS = "horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers"
COMPUTED = series(
    "horizontal_pod_autoscaler_controller_metric_computation_total",
    namespace="", release="", action="none", error="none", metric_type="Resource",
)  # fmt: skip
NOT_COMPUTED = COMPUTED.replace('error="none"', 'error="internal"')
STARTED = container("container_start_time_seconds", id="a")
PERIODS = container("container_cpu_cfs_periods_total")
THROTTLED = container("container_cpu_cfs_throttled_periods_total")

# 10 requests of one row per second, all of them good; 2 replicas of 2 to 8.
HEALTHY: Mapping[str, str] = {
    OBJECTIVE: "0.999x3000",
    series("ekiben_objective_latency_ratio"): "0.99x3000",
    EDGE: "0.05x3000",
    FEWEST: "2x3000",
    MOST: "8x3000",
    UP: "1x3000",
    INFO: "1x3000",
    requests("ok"): "0+600x3000",
    requests("failed"): "100000x3000",
    answers("count"): "0+600x3000",
    answers("bucket", le="0.05"): "0+600x3000",
    answers("bucket", le="+Inf"): "0+600x3000",
    PREDICTED: "0+600x3000",
    REJECTED: "100000x3000",
    SCORE: "0.95x3000",
    EXPECTED: "0.95x3000",
    pod("model_rechecks_total", outcome="ok"): "0+1x3000",
    KEY: "1e12x3000",
    DESIRED: "2x3000",
    HPAS: "1x3000",
    COMPUTED: "0+4x3000",
    STARTED: "600x3000",
    PERIODS: "0+600x3000",
    THROTTLED: "100000x3000",
}


@dataclass(frozen=True)
class Firing:
    """One alert as Alertmanager gets it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """As promtool's file has it."""
        labels = {"namespace": NAMESPACE, "release": RELEASE, **self.labels}
        return {"exp_labels": labels, "exp_annotations": dict(self.annotations)}


@dataclass(frozen=True)
class Case:
    """An alert that fires at a minute and not one step before.

    Attributes:
        name: Of the case.
        alert: Of the alert.
        series: What is not healthy; None takes a series away.
        minute: At which it fires.
        at: Every alert of this name that fires then.
        before: Every alert of this name that fires one step before.
        step: Minutes between evaluations.
    """

    name: str
    alert: str
    series: Series
    minute: int
    at: tuple[Firing, ...]
    before: tuple[Firing, ...] = ()
    step: int = 1

    def documents(self) -> list[dict[str, Any]]:
        """As promtool's file has it: both moments, and that no alert of another name fires."""
        moments = [(self.minute - self.step, self.before), (self.minute, self.at)]
        firing = {"labels": f'{{alertname="{self.alert}"}}', "value": len(self.at)}
        return [
            {
                "interval": "1m",
                "input_series": given(self.series),
                "alert_rule_test": [
                    {
                        "eval_time": f"{minute}m",
                        "alertname": self.alert,
                        "exp_alerts": [each.document() for each in expected],
                    }
                    for minute, expected in moments
                ],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{self.minute}m",
                        "exp_samples": [firing],
                    }
                ],
            }
        ]


@dataclass(frozen=True)
class Silent:
    """What must not fire, up to a minute, though something looks like it.

    Attributes:
        name: Of the case.
        series: What is not healthy; None takes a series away.
        minutes: At each of them, no alert fires, or none of this name.
        alert: Of the alert that must not fire; empty for all.
        severity: Of the alert that must not fire; empty for both.
        step: Minutes between evaluations.
    """

    name: str
    series: Series
    minutes: tuple[int, ...]
    alert: str = ""
    severity: str = ""
    step: int = field(default=1, kw_only=True)

    def documents(self) -> list[dict[str, Any]]:
        """As promtool's file has it."""
        which = f',alertname="{self.alert}"' if self.alert else ""
        which += f',severity="{self.severity}"' if self.severity else ""
        expression = f'count by (alertname) (ALERTS{{alertstate="firing"{which}}})'
        tests = [{"expr": expression, "eval_time": f"{minute}m"} for minute in self.minutes]
        return [{"interval": "1m", "input_series": given(self.series), "promql_expr_test": tests}]


def given(changed: Series) -> list[dict[str, str]]:
    """Input series: the healthy ones, with what was changed."""
    found = {**HEALTHY, **changed}
    return [{"series": name, "values": values} for name, values in found.items() if values is not None]
