"""PromQL about replicas and their autoscaler.

Each query that Kubernetes' own components can answer has an alternative on kube-state-metrics: whichever of
the two is scraped gives the result.

Source: https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/controller/podautoscaler/monitor/metrics.go,
https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics,
https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md.
"""

from __future__ import annotations

from ekiben.observe import objectives
from ekiben.observe.indicators import BY, ON, every
from ekiben.observe.queries import quoted
from ekiben.observe.windows import Pace, written
from ekiben.serving import metrics

CONTAINER = "model-server"  # its name in the chart's Deployment
# Three restarts of containers that live until cAdvisor sees them (20 s) take as long: the kubelet waits 10
# and 20 s between them, and each start takes its time.
_LOOP_SECONDS = 150
_CONTROLLER = "horizontal_pod_autoscaler_controller"
# KEDA puts a word before the name of the HPA that it makes.
_HPA_NAME = "(?:keda-hpa-)?(.+)"
# A Deployment's pods are named <deployment>-<hash>-<random>; the Deployment is named after the release.
_POD_NAME = "(.+)-[a-z0-9]+-[a-z0-9]+"


def max_replicas() -> str:
    """Most replicas that the autoscaler may ask for, by release; empty without an autoscaler."""
    return f"max {BY} ({every(objectives.MAX_REPLICAS)})"


def min_replicas() -> str:
    """Fewest replicas of the autoscaler, by release."""
    return f"max {BY} ({every(objectives.MIN_REPLICAS)})"


def target_cpu_ratio() -> str:
    """CPU use that the autoscaler steers to, over the request, by release; empty for another metric."""
    return f"max {BY} ({every(objectives.TARGET_CPU_RATIO)})"


def desired_replicas() -> str:
    """Replicas that the autoscaler asks for, by release."""
    # Where the scrape gives its target a `namespace`, the HPA's is `exported_namespace`.
    controller = _relabelled(f"{_CONTROLLER}_desired_replicas", "namespace", "exported_namespace", "(.+)")
    seen = _relabelled(controller, "release", "hpa_name", _HPA_NAME)
    name = "kube_horizontalpodautoscaler_status_desired_replicas"
    kube = _relabelled(name, "release", "horizontalpodautoscaler", _HPA_NAME)
    return f"(max {BY} ({seen} or {kube}) and {ON} {every(objectives.MAX_REPLICAS)})"


def ready_replicas() -> str:
    """Pods that Prometheus scrapes now, by release."""
    return f"count {BY} ({every(metrics.MODEL_INFO.name)} and on (namespace, pod) ({every('up')} == 1))"


def at_maximum() -> str:
    """Desired replicas, where they are all that the autoscaler may ask for, and it may ask for fewer."""
    reached = f"{desired_replicas()} >= {ON} {max_replicas()}"
    return f"({reached})\nand {ON} ({max_replicas()} > {ON} {min_replicas()})"


def scaling_inactive(pace: Pace) -> str:
    """Most replicas of each release whose autoscaler cannot compute what it would want.

    The controller-manager keeps the last number of an HPA that it cannot compute, and its errors do not name
    the HPA. So: it knows no number of this release, or no metric of some type could be computed for anybody.
    """
    window = written(pace.window(300))
    computed = f"{_CONTROLLER}_metric_computation_total"
    failing = f'sum by (metric_type) (rate({computed}{{error!="none"}}[{window}])) > 0'
    working = f'sum by (metric_type) (rate({computed}{{error="none"}}[{window}])) > 0'
    condition = 'kube_horizontalpodautoscaler_status_condition{condition="ScalingActive",status="false"}'
    kube = _relabelled(condition, "release", "horizontalpodautoscaler", _HPA_NAME)
    scraped = f"{_CONTROLLER}_num_horizontal_pod_autoscalers"
    return (
        f"({max_replicas()} unless {ON} {desired_replicas()} and on () {scraped})\n"
        f"or ({max_replicas()} and on () (({failing}) unless on (metric_type) ({working})))\n"
        f"or ({max_replicas()} and {ON} ({kube} == 1))"
    )


def restarts(pace: Pace) -> str:
    """Restarts of the model server within 15 minutes, by pod; also of pods that never came to serve.

    By cAdvisor each container has a series of its own, for as long as it lives: it is counted if one scrape
    saw it. By kube-state-metrics every restart is.
    """
    window = written(max(_LOOP_SECONDS, pace.window(900)))
    started = f"container_start_time_seconds{{container={quoted(CONTAINER)}}}"
    # Where the label `id` is dropped, the containers of a pod are one series that changes.
    containers = f"max by (namespace, pod, id) (changes({started}[{window}])) + 1"
    seen = f"sum by (namespace, pod) ({containers}) - 1"
    counted = f"kube_pod_container_status_restarts_total{{container={quoted(CONTAINER)}}}"
    kube = f"max by (namespace, pod) (changes({counted}[{window}]))"
    return (
        f"({_relabelled(f'({kube} or {seen})', 'release', 'pod', _POD_NAME)}"
        f" and {ON} {every(objectives.AVAILABILITY_RATIO)})"
    )


def throttled_ratio(pace: Pace) -> str:
    """Share of CPU periods in which a pod was throttled, 0-1, by pod."""
    window = written(pace.window(900))

    def periods(name: str) -> str:
        return f'sum by (namespace, pod) (rate({name}{{container!=""}}[{window}]))'

    throttled = periods("container_cpu_cfs_throttled_periods_total")
    every_one = periods("container_cpu_cfs_periods_total")
    pods = f"group by (namespace, release, pod) ({every(metrics.MODEL_INFO.name)})"
    return f"{throttled} / ({every_one} > 0) * on (namespace, pod) group_left (release) {pods}"


def _relabelled(vector: str, label: str, source: str, pattern: str) -> str:
    return f'label_replace({vector}, "{label}", "$1", "{source}", "{pattern}")'
