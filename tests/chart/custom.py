"""Kinds of other projects that the chart renders, in their Go modules."""

from __future__ import annotations

import json
from pathlib import Path

from ekiben.clients import command

_KEDA = "github.com/kedacore/keda/v2@v2.21.0"
_GATEWAY = "sigs.k8s.io/gateway-api@v1.5.1"  # the newest that Go 1.26 takes
_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.91.0"
_OF_OPERATOR = "example/prometheus-operator-crd/monitoring.coreos.com_{}.yaml"
# Name of the kind as kubeconform has it: its module, and the file there.
CRDS = {
    "scaledobject-keda-v1alpha1": (_KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "httproute-gateway-v1": (_GATEWAY, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),
    "servicemonitor-monitoring-v1": (_OPERATOR, _OF_OPERATOR.format("servicemonitors")),
    "podmonitor-monitoring-v1": (_OPERATOR, _OF_OPERATOR.format("podmonitors")),
    "prometheusrule-monitoring-v1": (_OPERATOR, _OF_OPERATOR.format("prometheusrules")),
}


def text(kind: str) -> str:
    """The CustomResourceDefinition of a kind of `CRDS`; its module is downloaded if need be.

    Raises:
        ToolError: No Go, or no module proxy in reach.
    """
    module, file = CRDS[kind]
    go = command.find("go", remedy="install Go")
    argv = [str(go), "mod", "download", "-json", module]
    done = command.run(argv, env={"GOFLAGS": "-mod=mod"}, timeout_seconds=300)
    return (Path(json.loads(done.stdout)["Dir"]) / file).read_text(encoding="utf-8")


def plural(kind: str) -> str:
    """Name of the CustomResourceDefinition: that of its file."""
    group, _, name = Path(CRDS[kind][1]).stem.partition("_")
    return f"{name}.{group}"
