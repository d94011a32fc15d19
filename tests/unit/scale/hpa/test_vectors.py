"""Recorded cases of upstream's controller (Kubernetes v1.35.4); `hpa_compare record` writes them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

from tests.oracles import hpa_ours

_CASES = [
    json.loads(line)
    for line in gzip.decompress((Path(__file__).parent / "vectors.jsonl.gz").read_bytes()).splitlines()
]


def test_decisions_are_upstreams() -> None:
    """Replicas, errors, reasons and uses of each sync are those that upstream's controller gave."""
    differing = [number for number, case in enumerate(_CASES) if hpa_ours.decisions(case) != case["upstream"]]
    assert differing == []


def test_the_vectors_reach_every_reason() -> None:
    """Each reason that a condition can have is in at least ten syncs, so that agreement means something."""
    syncs = [sync for case in _CASES for sync in case["upstream"]]
    counts = {key: Counter(sync[key] for sync in syncs) for key in "alc"}
    expected = {
        "a": "SucceededGetScale SucceededRescale ReadyForNewScale ScaleUpStabilized ScaleDownStabilized",
        "l": "DesiredWithinRange TooFewReplicas TooManyReplicas ScaleUpLimit ScaleDownLimit",
        "c": "ValidMetricFound ScalingDisabled FailedGetResourceMetric FailedGetContainerResourceMetric "
        "FailedGetPodsMetric FailedGetObjectMetric FailedGetExternalMetric",
    }
    rare = [name for key, names in expected.items() for name in names.split() if counts[key][name] < 10]
    assert rare == []
    assert len(_CASES) == 2_000
