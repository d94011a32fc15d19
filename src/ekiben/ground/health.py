"""What `ekiben cluster status` says: states of components, addresses, versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ekiben.clients import recipes
from ekiben.ground import kind, life, ready
from ekiben.ground.addresses import ALERTMANAGER_PORT, API_PORT, PROMETHEUS_PORT, REGISTRY_PORT
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record

State = Literal["running", "stopped", "interrupted", "absent"]


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One part of the node.

    Attributes:
        name: Its name.
        healthy: It answers (or has done its work).
        restarts: How often it was started again since the node started.
        detail: What is wrong, in words; empty if nothing is.
    """

    name: str
    healthy: bool
    restarts: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A cluster as it is now.

    Attributes:
        name: Its name.
        state: `running`; `interrupted` when there are files of it but no node; `absent`.
        context: Context in its kubeconfig.
        kubeconfig: Path of the kubeconfig.
        endpoints: What answers where, by name.
        networks: Its subnets, by name.
        versions: What it runs, by name.
        components: Its parts.
    """

    name: str
    state: State
    context: str = ""
    kubeconfig: str = ""
    endpoints: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    components: tuple[ComponentStatus, ...] = ()

    @property
    def healthy(self) -> bool:
        """It runs and every part answers."""
        return self.state == "running" and all(each.healthy for each in self.components)

    def lines(self) -> list[str]:
        """The status for people."""
        if self.state == "absent":
            return [f"cluster {self.name}: absent; `ekiben cluster up` makes it"]
        note = "; `ekiben cluster up` repairs it" if self.state == "interrupted" else ""
        lines = [f"cluster {self.name}: {self.state}{note}"]
        pairs = (("context", self.context), ("kubeconfig", self.kubeconfig), *self.endpoints, *self.networks)
        lines += [f"  {name:<24} {value}" for name, value in (*pairs, *self.versions) if value]
        for each in self.components:
            again = f", started again {each.restarts} times" if each.restarts else ""
            lines.append(f"  {each.name:<24} {'well' if each.healthy else 'NOT WELL: ' + each.detail}{again}")
        return lines


def of(layout: Layout) -> Status:
    """Ask a cluster how it is."""
    if kind.made(layout):
        return Status(layout.name, "running", kind.context(layout), str(layout.kubeconfig))
    record = life.recorded(layout)
    if record is None:
        return Status(layout.name, "interrupted" if layout.folder.exists() else "absent")
    lives = life.alive(layout)
    node = record.addresses.node
    return Status(
        name=layout.name,
        state="running" if lives else "interrupted",
        context=layout.context,
        kubeconfig=str(layout.kubeconfig),
        endpoints=(
            ("API server", f"https://{node}:{API_PORT}"),
            ("registry", f"http://{node}:{REGISTRY_PORT}"),
            ("Prometheus", f"http://{node}:{PROMETHEUS_PORT}"),
            ("Alertmanager", f"http://{node}:{ALERTMANAGER_PORT}"),
        ),
        networks=tuple((name, str(getattr(record.addresses, name))) for name in ("pods", "services", "link")),
        versions=_versions(record),
        components=tuple(_components(layout, record)) if lives else (),
    )


def _versions(record: Record) -> tuple[tuple[str, str], ...]:
    modules = recipes.requirements((recipes.NODE.module / "go.mod").read_text())
    wanted = {
        "Kubernetes": "k8s.io/kubernetes",
        "CoreDNS": "github.com/coredns/coredns",
        "metrics-server": "sigs.k8s.io/metrics-server",
        "Prometheus": "github.com/prometheus/prometheus",
    }
    built = re.sub(r"^node-", "", record.binaries.name)
    return (*((name, modules[path]) for name, path in wanted.items()), ("build", built))


def _components(layout: Layout, record: Record) -> list[ComponentStatus]:
    rows = [
        ComponentStatus(
            name,
            healthy=row["answered"] and (row["running"] or row["once"]),
            restarts=row["restarts"],
            detail="" if row["answered"] else f"does not answer; last ended with {row['status']}",
        )
        for name, row in life.components(layout).items()
    ]
    for goal in ready.goals(record):
        works = goal.works(layout, record)
        rows.append(ComponentStatus(goal.name, healthy=works, detail="" if works else "does not work"))
    return rows
