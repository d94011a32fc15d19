"""The demand metric in Prometheus' own engine, against values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from ekiben.clients import command
from ekiben.errors import ConfigError
from ekiben.observe import demand
from ekiben.observe.queries import Scope

pytestmark = pytest.mark.timeout(900)  # the first one may have to build promtool

SCOPE = Scope("models", "iris")
TARGET, LAG = 50.0, 38.0
RESOLUTION = 2.0**-20
_REST = "stale " + " ".join(["_"] * 39)
_LOST, _GONE = f"0+300x20 {_REST}", f"1x20 {_REST}"  # of 60/s until 100 s; of a target until then
Record = Callable[[Mapping[str, str], str, int, float | None], None]


@pytest.fixture
def record(promtool: str, tmp_path: Path) -> Record:
    """Check a query on recorded series: `record(series, query, seconds, value)`; None is no result."""

    def check(series: Mapping[str, str], query: str, seconds: int, expected: float | None) -> None:
        rules, case = tmp_path / "demand.rules.yaml", tmp_path / "case.test.yaml"
        rules.write_text(
            yaml.safe_dump({"groups": [demand.group(SCOPE, demand.Aim(TARGET, LAG))]}), encoding="utf-8"
        )
        samples = [] if expected is None else [{"value": round(expected / RESOLUTION) * RESOLUTION}]
        document = {
            "rule_files": [str(rules)],
            "evaluation_interval": "5s",
            "tests": [
                {
                    "interval": "5s",
                    "input_series": [{"series": name, "values": text} for name, text in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": f"round({query}, {RESOLUTION!r})",
                            "eval_time": f"{seconds}s",
                            "exp_samples": [{"labels": "{}", **each} for each in samples],
                        }
                    ],
                }
            ],
        }
        case.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        done = command.run([promtool, "test", "rules", str(case)], check=False, show=False)
        assert done.status == 0, done.stdout + done.stderr

    return check


def _series(name: str, *, pod: str = "iris-a", release: str = "iris", **labels: str) -> str:
    found = {"namespace": "models", "release": release, "pod": pod} | labels
    return f"{name}{{{','.join(f'{key}={chr(34)}{value}{chr(34)}' for key, value in found.items())}}}"


def _arrivals(pod: str = "iris-a", route: str = "/predict", release: str = "iris") -> str:
    return _series("http_server_arrivals_total", pod=pod, http_route=route, release=release)


def _up(pod: str = "iris-a") -> str:
    return _series("up", pod=pod)


def _steady(rate: float, samples: int = 60) -> str:
    return f"0+{rate * 5:g}x{samples}"


def _needed(arrivals: float, slope: float = 0.0) -> float:
    return (arrivals + slope * LAG + 2 * math.sqrt(arrivals / 20)) / TARGET


def test_a_steady_load_needs_its_rate_and_the_margin(record: Record) -> None:
    """120/s over two pods and two protocols: (120 + 2 sqrt(120 / 20)) / 50; other routes do not count."""
    series = {
        _arrivals(): _steady(70),
        _arrivals("iris-b", "/v1/models/{model}:predict"): _steady(50),
        _arrivals("iris-b", "/readyz"): _steady(9),
        _arrivals("wine-a", release="wine"): _steady(900),
        _up(): "1x60", _up("iris-b"): "1x60",
    }  # fmt: skip
    record(series, demand.query(SCOPE), 200, _needed(120))


def test_a_rising_load_is_met_where_it_will_be(record: Record) -> None:
    """Growing by 2/s each second from 100/s: the rate of the last 15 s, and 38 s of growth on top."""
    counts = [100 * 5 * n + 25 * n * n for n in range(61)]  # integral of 100 + 2 t at t = 5 n
    at = 40
    arrived = (counts[at] - counts[at - 3]) / 15
    series = {_arrivals(): " ".join(map(str, counts)), _up(): "1x60"}
    record(series, demand.query(SCOPE), 5 * at, _needed(arrived, 2.0))


def test_a_falling_load_is_not_undercut(record: Record) -> None:
    """Shrinking by 1/s each second from 400/s: no slope, only what arrives."""
    counts = [400 * 5 * n - 12.5 * n * n for n in range(61)]
    arrived = (counts[40] - counts[37]) / 15
    series = {_arrivals(): " ".join(map(str, counts)), _up(): "1x60"}
    record(series, demand.query(SCOPE), 200, _needed(arrived))


def test_growth_within_the_noise_is_none(record: Record) -> None:
    """At 100/s, 2 sigma of the slope are 2 sqrt(10) / 40 = 0.158/s per second: 0.1 is out, 0.3 is in."""
    for growth, kept in ((0.1, 0.0), (0.3, 0.3)):
        counts = [100 * 5 * n + growth * 12.5 * n * n for n in range(61)]
        arrived = (counts[20] - counts[17]) / 15
        series = {_arrivals(): " ".join(map(str, counts)), _up(): "1x60"}
        record(series, demand.query(SCOPE), 100, _needed(arrived, kept))


@pytest.mark.parametrize("seconds", [25, 40, 60, 75])
def test_a_release_that_begins_is_no_surge(record: Record, seconds: int) -> None:
    """At a steady 100/s from its first second on, whose rate is whole from 20 s on: no slope at any time."""
    record({_arrivals(): _steady(100), _up(): "1x60"}, demand.query(SCOPE), seconds, _needed(100))


def test_the_end_of_an_outage_is_no_surge(record: Record) -> None:
    """Prometheus scrapes nothing for 65 s from 100 s on, at a steady 100/s: then the rate fills up again."""
    counts = " ".join("_" if 20 < n < 34 else str(500 * n) for n in range(61))
    up = "1x20 _x13 1x26"
    record({_arrivals(): counts, _up(): up}, demand.query(SCOPE), 200, _needed(100))


def test_without_samples_there_is_no_demand(record: Record) -> None:
    """No series at all, or another release's: an empty result, never 0."""
    record({}, demand.query(SCOPE), 200, None)
    record({_arrivals("wine-a", release="wine"): _steady(90)}, demand.query(SCOPE), 200, None)


def test_no_requests_are_a_demand_of_zero(record: Record) -> None:
    """A counter that stands still is known to stand still."""
    record({_arrivals(): "7x60", _up(): "1x60"}, demand.query(SCOPE), 200, 0.0)


def test_a_pod_that_is_scraped_no_more_takes_nothing_from_the_demand(record: Record) -> None:
    """Of 60 + 60/s one pod is lost at 100 s: a minute later the demand is still that of 120/s."""
    series = {
        _arrivals(): _steady(60), _up(): "1x60",
        _arrivals("iris-b"): _LOST, _up("iris-b"): "1x20 0x40",
    }  # fmt: skip
    record(series, demand.query(SCOPE), 170, _needed(120))


def test_a_pod_that_ended_is_not_mourned(record: Record) -> None:
    """One that left the targets takes its arrivals with it, once its window is over."""
    series = {
        _arrivals(): _steady(60), _up(): "1x60",
        _arrivals("iris-b"): _LOST, _up("iris-b"): _GONE,
    }  # fmt: skip
    record(series, demand.query(SCOPE), 170, _needed(60))


def test_a_pod_that_starts_adds_no_demand(record: Record) -> None:
    """Not scraped yet because not listening yet: it was never up, and nothing is held."""
    series = {_arrivals(): _steady(60), _up(): "1x60", _up("iris-b"): "_x20 0x40"}
    record(series, demand.query(SCOPE), 170, _needed(60))
    record(series, demand.lost_pods(), 170, None)


def test_when_all_pods_are_lost_the_demand_holds(record: Record) -> None:
    """Prometheus reaches none of them for a minute: the last known largest demand, not an empty one or 0."""
    series = {_arrivals(): _LOST, _up(): "1x20 0x40"}
    record(series, demand.query(SCOPE), 170, _needed(60))


def test_a_counter_that_starts_again_loses_no_demand(record: Record) -> None:
    """A container that restarts at 100 s counts from 0: once that is out of all windows, it is 60/s again.

    Before, the demand is too high: the rate seems to rise where it only comes back.
    """
    series = {_arrivals(): "0+300x20 0+300x40", _up(): "1x60"}
    record(series, demand.query(SCOPE), 200, _needed(60))


@pytest.mark.parametrize(("target", "lag"), [(0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (1.0, -1.0)])
def test_numbers_that_no_plan_has_are_refused(target: float, lag: float) -> None:
    """A target of 0 would ask for infinitely many replicas."""
    with pytest.raises(ConfigError, match="expected"):
        demand.Aim(target, lag)
