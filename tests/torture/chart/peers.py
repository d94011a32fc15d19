"""Charts of others for the same judges, as far as they can be had: in the modules of their Go projects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import command


@dataclass(frozen=True, slots=True)
class Peer:
    """One chart of another project.

    Attributes:
        name: For the table.
        module: Go module and version whose source carries the chart.
        path: Of the chart's folder in it.
    """

    name: str
    module: str
    path: str

    def folder(self) -> Path:
        """Where the chart is; its module is downloaded if need be.

        Raises:
            ToolError: No Go, or no module proxy in reach.
        """
        go = command.find("go", remedy="install Go")
        done = command.run([str(go), "mod", "download", "-json", self.module], timeout_seconds=300)
        return Path(json.loads(done.stdout)["Dir"]) / self.path


PEERS = (
    Peer(
        "podinfo 6.9.2",
        "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e",
        "charts/podinfo",
    ),
    Peer("kserve-resources 0.20.0", "github.com/kserve/kserve@v0.20.0", "charts/kserve-resources"),
    Peer("yatai (BentoML) 1.1.13", "github.com/bentoml/yatai@v1.1.13", "helm/yatai"),
)
# What was looked for in the Go module proxy and in the Python index, and is in neither.
NOT_HAD = ("seldon-core-v2-setup", "vLLM's production-stack", "Triton's k8s-onprem", "BentoCloud's manifests")
