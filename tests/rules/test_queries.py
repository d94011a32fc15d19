"""Each query over synthetic series, against values computed by hand."""

from __future__ import annotations

import pytest
from tests.rules.conftest import Evaluate

from ekiben.observe import queries
from ekiben.observe.queries import Scope

pytestmark = pytest.mark.timeout(900)  # the first one may have to build promtool

SCOPE = Scope("models", "iris")
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"


def _series(
    name: str, *, pod: str = "iris-a", release: str = "iris", namespace: str = "models", **labels: str
) -> str:
    found = {"namespace": namespace, "release": release, "pod": pod} | labels
    return f"{name}{{{','.join(f'{key}={queries.quoted(value)}' for key, value in found.items())}}}"


def _requests(status: str, *, pod: str = "iris-a", route: str = "/predict", **labels: str) -> str:
    return _series(COUNT, pod=pod, http_route=route, http_response_status_code=status, **labels)


def _slope(per_second: float) -> str:
    """A counter that has grown from 1,000 at this rate."""
    return f"1000+{per_second * 15:g}x8"


def test_the_request_rate_is_the_sum_over_pods_and_statuses(evaluate: Evaluate) -> None:
    """2/s and 1/s of 200 and 0.4/s of 503 are 3.4/s; other routes, releases, namespaces do not count."""
    evaluate(
        {
            _requests("200"): _slope(2),
            _requests("200", pod="iris-b"): _slope(1),
            _requests("503", pod="iris-b"): _slope(0.4),
            _requests("200", route="/readyz"): _slope(7),
            _requests("200", release="wine"): _slope(7),
            _requests("200", namespace="other"): _slope(7),
        },
        queries.request_rate(SCOPE),
        {"{}": 3.4},
    )


def test_a_replica_that_starts_again_loses_no_rate(evaluate: Evaluate) -> None:
    """A counter that falls to 0 at 90 s goes on at 2/s: the other pod's growth does not hide the reset."""
    reset = "1000 1030 1060 1090 1120 1150 0 30 60"  # the reset itself costs one interval of 15 s
    evaluate(
        {_requests("200"): reset, _requests("200", pod="iris-b"): _slope(2)},
        queries.request_rate(Scope("models", "iris", window_seconds=30)),
        {"{}": 4.0},
    )


def test_without_errors_the_ratio_is_zero(evaluate: Evaluate) -> None:
    """Traffic and no error series at all: 0, not an empty result."""
    evaluate({_requests("200"): _slope(2)}, queries.error_ratio(SCOPE), {"{}": 0.0})


def test_errors_are_server_errors_and_clients_that_went_away(evaluate: Evaluate) -> None:
    """0.2/s of 500, 0.1/s of 503 and 0.1/s of 499 among 4/s are 0.1; a 422 is the client's own error."""
    evaluate(
        {
            _requests("200"): _slope(3.1),
            _requests("422"): _slope(0.5),
            _requests("500"): _slope(0.2),
            _requests("503", pod="iris-b"): _slope(0.1),
            _requests("499", pod="iris-b"): _slope(0.1),
        },
        queries.error_ratio(SCOPE),
        {"{}": 0.1},
    )


def test_nothing_but_errors_is_a_ratio_of_one(evaluate: Evaluate) -> None:
    """All requests failing reads 1."""
    evaluate({_requests("500"): _slope(2)}, queries.error_ratio(SCOPE), {"{}": 1.0})


@pytest.mark.parametrize("series", [{_requests("200"): "5x8", _requests("500"): "0x8"}, {}])
def test_without_requests_there_is_no_ratio(evaluate: Evaluate, series: dict[str, str]) -> None:
    """Counters that stand still, or no series, give no result: neither 0 nor NaN."""
    evaluate(series, queries.error_ratio(SCOPE), {})


BUCKETS = {  # of 2 requests/s: half within 5 ms, 90 % within 10 ms, all within 25 ms
    "0.005": 1.0, "0.01": 1.8, "0.025": 2.0, "0.05": 2.0, "+Inf": 2.0,
}  # fmt: skip


def _buckets(rates: dict[str, float], pod: str = "iris-a", **labels: str) -> dict[str, str]:
    return {
        _series(BUCKET, pod=pod, http_route="/predict", **labels, le=le): _slope(r) for le, r in rates.items()
    }


@pytest.mark.parametrize(
    ("share", "seconds"),
    [
        (0.5, 0.005),  # an edge
        (0.25, 0.0025),  # half-way into the first bucket
        (0.95, 0.01 + 0.015 * (1.9 - 1.8) / 0.2),
        (0.99, 0.01 + 0.015 * (1.98 - 1.8) / 0.2),
    ],
)
def test_a_quantile_interpolates_in_its_bucket(evaluate: Evaluate, share: float, seconds: float) -> None:
    """By the definition of histogram quantiles, over pods and statuses together."""
    ok = _buckets({le: rate / 2 for le, rate in BUCKETS.items()}, http_response_status_code="200")
    other = _buckets(
        {le: rate / 2 for le, rate in BUCKETS.items()}, "iris-b", http_response_status_code="422"
    )
    evaluate(ok | other, queries.latency_quantile(SCOPE, share), {"{}": seconds})


def test_quantiles_of_pods_are_not_averaged(evaluate: Evaluate) -> None:
    """99 quick requests on one pod and 1 slow one on another: the median is the quick pod's."""
    quick = _buckets({"0.005": 9.9, "0.05": 9.9, "0.1": 9.9, "+Inf": 9.9})
    slow = _buckets({"0.005": 0.0, "0.05": 0.0, "0.1": 0.1, "+Inf": 0.1}, "iris-b")
    evaluate(quick | slow, queries.latency_quantile(SCOPE, 0.5), {"{}": 0.005 * 5 / 9.9})


@pytest.mark.parametrize("series", [dict.fromkeys(_buckets(BUCKETS), "5x8"), {}])
def test_without_requests_there_is_no_quantile(evaluate: Evaluate, series: dict[str, str]) -> None:
    """Buckets that stand still give no result, never NaN."""
    evaluate(series, queries.latency_quantile(SCOPE, 0.99), {})


def test_slower_than_the_last_edge_is_the_last_edge(evaluate: Evaluate) -> None:
    """What only the +Inf bucket holds reads as the largest finite edge, not as infinity."""
    evaluate(
        _buckets({"5": 0.0, "10": 0.0, "+Inf": 1.0}), queries.latency_quantile(SCOPE, 0.99), {"{}": 10.0}
    )


def test_arrivals_and_predictions_have_rates_of_their_own(evaluate: Evaluate) -> None:
    """Arrivals of /predict only; predicted rows of the release."""
    series = {
        _series("http_server_arrivals_total", http_route="/predict"): _slope(3),
        _series("http_server_arrivals_total", http_route="/livez"): _slope(1),
        _series("model_predictions_total", model="iris", version="1"): _slope(30),
        _series("model_predictions_total", model="iris", version="2", pod="iris-b"): _slope(12),
    }
    evaluate(series, queries.arrivals_rate(SCOPE), {"{}": 3.0})
    evaluate(series, queries.predictions_rate(SCOPE), {"{}": 42.0})


def test_requests_in_progress_are_summed(evaluate: Evaluate) -> None:
    """Gauges of two pods, as they are now."""
    name = "http_server_active_requests"
    evaluate(
        {
            _series(name, http_route="/predict"): "1 9 2 2 2 2 2 2 2",
            _series(name, http_route="/predict", pod="iris-b"): "5x8",
            _series(name, http_route="/livez"): "1x8",
        },
        queries.in_progress(SCOPE),
        {"{}": 7.0},
    )


def test_rates_by_pod_keep_the_pods_apart(evaluate: Evaluate) -> None:
    """One value per pod."""
    evaluate(
        {_requests("200"): _slope(2), _requests("500"): _slope(1), _requests("200", pod="iris-b"): _slope(5)},
        queries.request_rate_per_pod(SCOPE),
        {'{pod="iris-a"}': 3.0, '{pod="iris-b"}': 5.0},
    )


def _cpu(pod: str, container: str, namespace: str = "models") -> str:
    return f'container_cpu_usage_seconds_total{{namespace="{namespace}",pod="{pod}",container="{container}"}}'


def test_cpu_is_of_the_releases_pods_only_and_counted_once(evaluate: Evaluate) -> None:
    """Containers are summed, the pod's own cgroup (no container) and other pods are left out."""
    evaluate(
        {
            _cpu("iris-a", "model-server"): _slope(0.2),
            _cpu("iris-a", "sidecar"): _slope(0.01),
            _cpu("iris-a", ""): _slope(0.21),
            _cpu("iris-b", "model-server"): _slope(0.1),
            _cpu("wine-a", "model-server"): _slope(0.9),
            _cpu("iris-a", "model-server", "other"): _slope(0.9),
            _series("model_info", version="1", model="iris"): "1x8",
            _series("model_info", version="1", model="iris", pod="iris-b"): "1x8",
            _series("model_info", version="1", model="wine", pod="wine-a", release="wine"): "1x8",
        },
        queries.cpu_per_pod(SCOPE),
        {'{namespace="models", pod="iris-a"}': 0.21, '{namespace="models", pod="iris-b"}': 0.1},
    )


def _periods(name: str, pod: str, container: str = "model-server", namespace: str = "models") -> str:
    labels = f'namespace="{namespace}",pod="{pod}",container="{container}"'
    return f"container_cpu_cfs_{name}_total{{{labels}}}"


def test_throttling_is_the_share_of_the_periods_in_which_a_pod_ran(evaluate: Evaluate) -> None:
    """1/s of 4/s is a quarter, 0 none; a pod that did not run has no share, others are left out."""
    evaluate(
        {
            _periods("periods", "iris-a"): _slope(4),
            _periods("throttled_periods", "iris-a"): _slope(1),
            _periods("periods", "iris-a", ""): _slope(9),
            _periods("periods", "iris-b"): _slope(4),
            _periods("throttled_periods", "iris-b"): _slope(0),
            _periods("periods", "iris-c"): _slope(0),
            _periods("throttled_periods", "iris-c"): _slope(0),
            _periods("periods", "wine-a"): _slope(4),
            _periods("throttled_periods", "wine-a"): _slope(4),
            **{_series("model_info", pod=f"iris-{pod}"): "1x8" for pod in "abc"},
            _series("model_info", pod="wine-a", release="wine"): "1x8",
        },
        queries.throttled_ratio(SCOPE),
        {'{namespace="models", pod="iris-a"}': 0.25, '{namespace="models", pod="iris-b"}': 0.0},
    )


def test_serving_replicas_are_those_scraped_now(evaluate: Evaluate) -> None:
    """Two pods up on version 2 and one on 1; one that does not answer and one that ended are not counted."""
    info = {
        _series("model_info", pod=f"iris-{pod}", version=version): values
        for pod, version, values in (
            ("a", "1", "1x8"), ("b", "2", "1x8"), ("c", "2", "1x8"),
            ("d", "2", "1x8"), ("e", "1", "1x4 stale"),
        )
    }  # fmt: skip
    up = {_series("up", pod=f"iris-{pod}"): "1x8" for pod in "abc"} | {_series("up", pod="iris-d"): "0x8"}
    evaluate(info | up, queries.serving_replicas(SCOPE), {'{version="1"}': 1.0, '{version="2"}': 2.0})


def test_names_with_quotes_stay_names(evaluate: Evaluate) -> None:
    """A release named with quotes, backslashes and line ends selects itself and nothing else."""
    name = 'a"b\\c\nd'
    evaluate(
        {_requests("200", release=name): _slope(2), _requests("200"): _slope(9)},
        queries.request_rate(Scope("models", name)),
        {"{}": 2.0},
    )
