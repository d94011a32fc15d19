"""What judges a chart beside its own tests: kube-score with every optional test, on what Helm renders."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chart.conftest import CHART, KUBERNETES, POD_MONITOR, SERVICE_MONITOR, VARIANTS, values_of

from ekiben.clients import command, helm, tools

DEFAULT = "default"
NAMED = (DEFAULT, *VARIANTS)  # of the value sets that are scored
_GRADES = ("[CRITICAL]", "[WARNING]")


def values(name: str) -> dict[str, Any]:
    """One value set; by default the least that has an image, as the chart has none of its own."""
    return values_of("minimal" if name == DEFAULT else name)


def rendered(
    given: Mapping[str, Any],
    chart: Path = CHART,
    *,
    kubernetes: str = KUBERNETES,
    release: str = "iris",
    tests: bool = True,
) -> str:
    """Manifests, as for a cluster that knows the monitors.

    Args:
        given: Values.
        chart: Its folder.
        kubernetes: Minor version of the cluster.
        release: Its name.
        tests: Whether the pods of `helm test` are among them.
    """
    argv = [str(tools.find("helm")), "template", release, str(chart), "--namespace", "models"]
    argv += ["--kube-version", f"v{kubernetes}.0", "--values", "-", *(() if tests else ("--skip-tests",))]
    for kind in (SERVICE_MONITOR, POD_MONITOR):
        argv += ["--api-versions", kind]
    return command.run(argv, stdin=helm.written(given), show=False, timeout_seconds=60).stdout


@functools.cache
def _optional() -> tuple[str, ...]:
    """Names of kube-score's tests that are off unless they are asked for."""
    listed = command.run([str(tools.find("kube-score")), "list"], show=False).stdout
    return tuple(line.split(",")[0] for line in listed.splitlines() if line.split(",")[3:] == ["optional"])


def kube_score(manifests: str) -> tuple[list[str], int]:
    """Run kube-score with every optional test.

    Returns:
        Its criticals and warnings, one line each, and the number of checks that passed.
    """
    argv = [str(tools.find("kube-score")), "score", "--kubernetes-version", f"v{KUBERNETES}", "-o", "ci"]
    for name in _optional():
        argv += ["--enable-optional-test", name]
    lines = command.run([*argv, "-"], stdin=manifests, check=False, show=False).stdout.splitlines()
    return [line for line in lines if line.startswith(_GRADES)], sum(
        line.startswith("[OK]") for line in lines
    )
