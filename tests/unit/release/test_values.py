"""From the configuration to chart values: pure, and refused where two sources would fight."""

from __future__ import annotations

from typing import Any

import pytest

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.observe import objectives
from ekiben.release import values

DIGEST = "sha256:" + "0a" * 32
IMAGE = ImageReference("r.example/iris", DIGEST, "1")


def configured(**sections: Any) -> config.ModelConfig:
    document = {
        "model": "iris",
        "train": {"estimator": "a:b", "data": "a:c", "accept": {"min": 0.9}},
        "bento": {"service": "a:B"},
        "image": {"repository": "iris"},
        **sections,
    }
    return config.parse(document, "test")


def derived(**sections: Any) -> dict[str, Any]:
    return values.chart_values(configured(**sections), IMAGE, ModelTag("iris", "v1"), DIGEST)


def test_values_come_from_their_sections() -> None:
    """Image by digest, model, machine and scale, each where the chart wants it."""
    found = derived(
        release={"resources": {"cpu_request": "100m", "cpu_limit": "300m", "memory": "256Mi"}},
        scale={
            "min_replicas": 3,
            "max_replicas": 8,
            "target_cpu_percent": 55,
            "scale_down_window_seconds": 60,
        },
        observe={"latency_seconds": 0.04, "objective_ratio": 0.98, "recheck": {"seconds": 30}},
    )
    assert found == {
        "model": {"name": "iris", "version": "v1", "artefact": DIGEST},
        "image": {"repository": "r.example/iris", "tag": "1", "digest": DIGEST},
        "autoscaling": {
            "enabled": True,
            "minReplicas": 3,
            "maxReplicas": 8,
            "targetCPUUtilizationPercentage": 55,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        },
        "access": {"mode": "none"},
        "server": {"objectiveSeconds": [0.04], "recheckSeconds": 30},
        "prometheusRule": {
            "enabled": True,
            "objective": {"availabilityRatio": 0.98, "latencyRatio": 0.98},
        },
        "seal": {"signers": [], "allowPickle": False, "encryption": {"secretName": ""}},
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "300m", "memory": "256Mi"},
        },
    }
    assert values.replicas_expected(found) == 3


def test_release_values_are_laid_over_key_by_key() -> None:
    """As Helm merges: neighbours stay, lists are replaced."""
    found = derived(
        release={
            "values": {
                "drainSeconds": 20,
                "autoscaling": {"behavior": {"scaleUp": {"policies": [1]}}},
                "resources": {"limits": {"ephemeral-storage": "1Gi"}},
            }
        }
    )
    assert found["drainSeconds"] == 20
    assert found["autoscaling"]["behavior"]["scaleUp"] == {"policies": [1]}
    assert found["autoscaling"]["behavior"]["scaleDown"] == {"stabilizationWindowSeconds": 300}
    assert found["resources"]["limits"] == {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"}


def test_one_objective_of_the_two_may_be_told_apart() -> None:
    """Answers may be promised to come, and fewer of them in time."""
    found = derived(
        observe={"objective_ratio": 0.999},
        release={"values": {"prometheusRule": {"enabled": True, "objective": {"latencyRatio": 0.95}}}},
    )
    assert found["prometheusRule"] == {
        "enabled": True,
        "objective": {"availabilityRatio": 0.999, "latencyRatio": 0.95},
    }


def test_an_objective_that_no_alert_could_see_is_refused() -> None:
    """The least one of ekiben.yaml is that of the alerts."""
    least = objectives.LEAST_RATIO
    assert derived(observe={"objective_ratio": least})["prometheusRule"]["objective"]["latencyRatio"] == least
    with pytest.raises(ConfigError, match="objective_ratio"):
        derived(observe={"objective_ratio": least - 0.001})


@pytest.mark.parametrize(
    ("given", "path", "source"),
    [
        ({"image": {"digest": DIGEST}}, "image.digest", "the image that is released"),
        ({"image": None}, "image", "the image that is released"),
        ({"model": {"name": "x"}}, "model", "the model artefact"),
        ({"autoscaling": {"maxReplicas": 3}}, "autoscaling.maxReplicas", "scale.max_replicas"),
        ({"server": {"objectiveSeconds": [1]}}, "server.objectiveSeconds", "observe.latency_seconds"),
        ({"server": {"recheckSeconds": 1}}, "server.recheckSeconds", "observe.recheck.seconds"),
        ({"resources": {"limits": {"cpu": 1}}}, "resources.limits.cpu", "cpu_limit"),
        (
            {"autoscaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}},
            "stabilizationWindowSeconds",
            "scale.scale_down_window_seconds",
        ),
        ({"replicaCount": 3}, "replicaCount", "the HPA owns it"),
    ],
)
def test_a_value_with_another_source_is_refused(given: dict[str, Any], path: str, source: str) -> None:
    """The message names the value and where it comes from."""
    with pytest.raises(ConfigError) as error:
        derived(release={"values": given})
    assert path in str(error.value)
    assert source in str(error.value)


def test_a_neighbour_of_an_owned_value_is_not_refused() -> None:
    """The pull policy is nobody else's."""
    assert derived(release={"values": {"image": {"pullPolicy": "Always"}}})["image"]["pullPolicy"] == "Always"


def test_a_fixed_number_of_replicas_without_the_autoscaler() -> None:
    """Then replicaCount is what is waited for."""
    found = derived(release={"values": {"autoscaling": {"enabled": False}, "replicaCount": 5}})
    assert values.replicas_expected(found) == 5
    assert not values.autoscaled(found)
    bare = derived(release={"values": {"autoscaling": {"enabled": False}}})
    assert values.replicas_expected(bare) == 2  # the chart's default


def test_laying_over_changes_neither() -> None:
    """Both stay as they were."""
    below, above = {"a": {"b": [1]}}, {"a": {"c": [2]}}
    merged = values.laid_over(below, above)
    merged["a"]["b"].append(9)
    merged["a"]["c"].append(9)
    assert (below, above) == ({"a": {"b": [1]}}, {"a": {"c": [2]}})


def test_what_pods_demand_comes_from_the_seal() -> None:
    """Signers, leave to unpickle and the Secret are those of `bento.seal`; two sources would fight."""
    signer = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="  # RFC 8410 section 10.1
    seal = {"signers": [signer], "allow_pickle": True, "encryption": {"key_file": "k", "secret": "keys"}}
    found = derived(bento={"service": "a:B", "seal": seal})
    assert found["seal"] == {"signers": [signer], "allowPickle": True, "encryption": {"secretName": "keys"}}
    with pytest.raises(ConfigError, match=r"seal\.allowPickle: comes from `bento"):
        derived(release={"values": {"seal": {"allowPickle": True}}})


@pytest.mark.parametrize(
    "bento",
    [
        {"formats": ["hdf5"]},
        {"formats": ["skops", "skops"]},
        {"seal": {"key_file": "k"}},
        {"seal": {"allow_pickle": True}},
        {"seal": {"signers": ["AAAA"]}},
        {"seal": {"encryption": {"key_file": "k"}}},
    ],
)
def test_a_seal_that_would_check_nothing_is_refused(bento: dict[str, Any]) -> None:
    """A key without signers, pickles without signers, a key that pods do not get, formats that none reads."""
    with pytest.raises(ConfigError, match=r"expected|match pattern"):
        configured(bento={"service": "a:B", **bento})


def test_keda_owns_the_replicas_as_the_hpa_does() -> None:
    """The fewest are those of `scale`, and a fixed number beside it would fight."""
    keda = {"autoscaling": {"enabled": False}, "keda": {"enabled": True}}
    found = derived(release={"values": keda}, scale={"min_replicas": 3})
    assert values.autoscaled(found)
    assert values.replicas_expected(found) == 3
    with pytest.raises(ConfigError, match="replicaCount: the HPA owns it"):
        derived(release={"values": {**keda, "replicaCount": 4}})
