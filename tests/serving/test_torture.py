"""Each scenario of `make torture` in its short form: the same code, figures of machines not judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.torture.pod import suite
from tests.torture.pod.oracle import Oracle
from tests.torture.pod.target import Ekiben

# These need root and a control group, a compiler, half a minute, or are tests already.
LONG_ONLY = {"starvation", "clock", "fuzz-openapi", "fuzz-validator", "fuzz-grpc"}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    """scikit-learn, fitted here."""
    return Oracle()


@pytest.mark.parametrize("name", [each.name for each in suite.SCENARIOS if each.name not in LONG_ONLY])
def test_the_pod_survives(name: str, artefact: Path, oracle: Oracle) -> None:
    """Every criterion of the scenario that is no latency is met, at its short size, from a fixed seed."""
    result = suite.run_part(suite.BY_NAME[name], 0, "short", 1, Ekiben(artefact), oracle)
    unmet = [f"{each.what}: {each.found}" for each in result.checks if not each.passed and not each.figure]
    assert (result.verdict, unmet) == ("passed", [])
    assert result.number > 0


def test_a_scenario_can_fail(artefact: Path, oracle: Oracle) -> None:
    """A pod that ends at SIGTERM without a drain, as if it had none, fails the drain's criteria."""
    drain = suite.BY_NAME["drain"]

    class Hasty(Ekiben):
        """Told not to wait for callers to move away."""

        def environment(self, port: int, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
            return {**super().environment(port, folder, more), "EKIBEN_DRAIN_SECONDS": "0"}

    result = suite.run_part(drain, 0, "short", 1, Hasty(artefact), oracle)
    assert result.verdict == "failed"
    assert "no request of the load failed" in [each.what for each in result.checks if not each.passed]
