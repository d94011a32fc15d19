"""The load that the road sends, and where a pod's process listens."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import pytest

from ekiben import config
from ekiben.clients import pod
from ekiben.errors import ConfigError
from ekiben.road import process, scaling
from ekiben.road.journey import Journey
from ekiben.road.stations import Traveller

DOCUMENT = {
    "model": "iris",
    "train": {"estimator": "a:b", "data": "a:c", "accept": {"min": 0.5}},
    "bento": {"service": "a:S"},
    "image": {"repository": "iris"},
    "release": {"resources": {"cpu_request": "150m"}},
    "scale": {"min_replicas": 2, "max_replicas": 8, "target_cpu_percent": 60},
}


@pytest.mark.parametrize("overestimate", [1.0, 1.2])
def test_the_load_needs_the_goal_even_when_the_cost_was_taken_too_high(overestimate: float) -> None:
    """By Kubernetes' formula the rate wants at least two replicas more than the fewest, within the most."""
    true_cost = 0.005
    goal, shape = scaling._shape(config.parse(DOCUMENT, "test"), true_cost * overestimate)
    used_cores = shape.segments[-1].rate * true_cost
    assert goal == 4
    assert 4 <= math.ceil(used_cores / (0.150 * 0.60)) <= 8


def test_the_goal_stays_within_the_most_replicas() -> None:
    """A release of at most three replicas is not asked for four."""
    document = {**DOCUMENT, "scale": {"min_replicas": 2, "max_replicas": 3}}
    assert scaling._shape(config.parse(document, "test"), 0.005)[0] == 3


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path, taken: int) -> None:
    """HTTP, gRPC and metrics take three neighbouring ports; the error says which one is not free."""
    journey = Journey(tmp_path / "journey.json")
    journey.record("train", "x", {"folder": "/nowhere"}, 0)
    traveller = Traveller(config.parse(DOCUMENT, "test"), tmp_path, "models", journey)
    first = pod.free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", first + taken))
        holder.listen()
        with pytest.raises(ConfigError, match=f"port {first + taken} "):
            process.settings(traveller, host="127.0.0.1", port=first)
    found = process.settings(traveller, host="127.0.0.1", port=first)
    assert found["EKIBEN_METRICS_PORT"] == str(first + 2)
