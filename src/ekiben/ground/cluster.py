"""`ekiben cluster up | status | down | reset`: one local cluster's life, safe to interrupt at any moment.

Order is the safety: the record is written before anything of the machine changes, everything the node
makes dies with its process 1, and what does not (control groups, files) is found by the cluster's name.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime

from ekiben.errors import ClusterError, ConfigError, ToolError
from ekiben.ground import addresses as subnets
from ekiben.ground import configuration, kind, life, preflight, prepare, provision, ready, rungs
from ekiben.ground.health import Status
from ekiben.ground.health import of as health_of
from ekiben.ground.layout import Layout, known
from ekiben.ground.record import Record
from ekiben.identifiers import ClusterAddress

_log = logging.getLogger(__name__)
Say = Callable[[str], None]


def up(
    name: str = "local",
    *,
    choice: rungs.Choice | None = None,
    context: str | None = None,
    keda: bool = False,
    say: Say = _log.info,
) -> ClusterAddress:
    """Bring a cluster up on the best rung, or repair the one that is there.

    Args:
        name: Of the cluster; another name is another cluster beside it.
        choice: The rung, where it was chosen already.
        context: `--context`: a cluster of the user's, which is only looked up.
        keda: Run KEDA in it; where it runs already, it stays.
        say: Takes lines of progress.

    Returns:
        How to reach it.

    Raises:
        ConfigError: KEDA is wanted on a rung where ekiben does not bring it.
        ToolError: Something is missing on this machine; all of it is said, with remedies.
        ClusterError: It did not become ready in time, or no rung carries a cluster here.
    """
    layout = Layout.of(name)
    if choice is None:
        choice = rungs.choose(context)
        say(f"rung {choice.rung}: {choice.reason}")
    if keda and choice.rung in ("context", "kind"):
        raise ConfigError(
            f"expected the rung local for --keda, found {choice.rung}",
            remedy="install KEDA as its own documentation has it: https://keda.sh/docs/latest/deploy/",
        )
    if choice.rung == "context":
        return current(context)
    if choice.rung == "kind":
        return kind.up(layout, say=say)
    if choice.rung == "process":
        raise ClusterError(
            f"expected a machine that carries a cluster, found missing: {'; '.join(choice.missing)}",
            remedy="`ekiben serve MODEL --port P` serves from a process of this machine",
        )
    return _up(layout, say, keda=keda)


def _up(layout: Layout, say: Say, *, keda: bool = False) -> ClusterAddress:
    began = time.monotonic()
    _refuse(preflight.basics())
    with life.turn(layout):
        record = life.recorded(layout)
        parts = provision.provide(say=say, with_keda=keda or _has_keda(layout))
        if not _runs(layout, record, parts, say):
            _refuse(preflight.kernel())
            _start(layout, parts, say)
        ready.wait(layout, say=say)
    say(f"cluster {layout.name} is ready after {time.monotonic() - began:.0f} s: context {layout.context}")
    return _address(layout)


def _has_keda(layout: Layout) -> bool:
    record = life.recorded(layout)
    return record is not None and record.keda is not None


def _runs(layout: Layout, record: Record | None, parts: provision.Parts, say: Say) -> bool:
    """Whether the node lives and is what would be started now."""
    if record is None or not life.alive(layout):
        return False
    same = (record.binaries, record.keda) == (parts.binaries, parts.keda)
    if same and prepare.current(layout, record):
        return True
    say(f"the node of {layout.name} was started from other sources: starting it again, its data stay")
    return False


def _refuse(needs: list[preflight.Need]) -> None:
    if needs:
        raise ToolError(
            f"expected a machine that can run a node; {'; '.join(need.what for need in needs)}",
            remedy="; ".join(dict.fromkeys(need.remedy for need in needs)),
        )


def _start(layout: Layout, parts: provision.Parts, say: Say) -> None:
    """Clear what an earlier node left, decide, write, start."""
    life.end(layout)
    with life.choosing():
        addresses = _addresses(layout, say)
        record = Record(
            name=layout.name,
            node=layout.context,
            addresses=addresses,
            cgroup=layout.cgroup,
            binaries=parts.binaries,
            debian=parts.debian,
            registry=layout.registry,
            keda=parts.keda,
        )
        say(f"starting the node {record.node} at {addresses.node} (usually ready after 20 s)")
        prepare.write_all(layout, record, datetime.now(UTC))
        life.start(layout)


def _addresses(layout: Layout, say: Say) -> subnets.Addresses:
    """The cluster's addresses: those it had, where nobody took them meanwhile, else free ones."""
    previous = life.recorded(layout)
    networks = life.taken(layout)
    if previous is not None:
        holder = subnets.owner(previous.addresses, networks)
        if not holder:
            return previous.addresses
        say(f"the subnet of cluster {layout.name} is taken: {holder}; it starts afresh on another")
    prepare.wipe(layout)
    return subnets.choose(networks, life.reserved(layout))


def down(name: str = "local", *, say: Say = _log.info) -> None:
    """Take a cluster down and remove everything of it but what the cache keeps.

    Raises:
        ClusterError: Another process is changing it, or something of it would not go.
    """
    layout = Layout.of(name)
    if kind.made(layout):
        kind.down(layout, say=say)
        return
    with life.turn(layout):
        life.end(layout)
        if not layout.folder.exists():
            say(f"no cluster {name} on this machine")
            return
        shutil.rmtree(layout.folder)
    say(f"cluster {name} is down")


def reset(name: str = "local", *, say: Say = _log.info) -> ClusterAddress:
    """Wipe a cluster's data, its registry too, and bring it up again from what is built.

    Raises:
        ToolError: As `up`.
        ClusterError: As `up` and `down`.
    """
    layout = Layout.of(name)
    on_kind, keda = kind.made(layout), _has_keda(layout)
    down(name, say=say)
    if on_kind:
        return kind.up(layout, say=say)
    shutil.rmtree(layout.registry, ignore_errors=True)
    return _up(layout, say, keda=keda)


def prebuild(*, say: Say = _log.info) -> None:
    """Packages and builds of the rung `local` only, giving way to other work.

    Raises:
        ToolError: Something is missing on this machine, or a download or a build failed.
    """
    _refuse(preflight.basics())
    provision.prebuild(say=say)


def status(name: str = "local") -> Status:
    """What runs of a cluster, where, and how it is."""
    return health_of(Layout.of(name))


def current(context: str | None) -> ClusterAddress:
    """The cluster that other commands mean.

    Args:
        context: `--context`; else `EKIBEN_CONTEXT`, else the local cluster that runs.

    Raises:
        ClusterError: None is named and none runs.
    """
    named = context or os.environ.get("EKIBEN_CONTEXT")
    ours = [each for each in known() if life.recorded(each) is not None or kind.made(each)]
    if named:
        for each in ours:
            if named in {each.context, kind.context(each)}:
                return _address(each)
        return ClusterAddress(
            named,
            registry=os.environ.get("EKIBEN_REGISTRY", ""),
            prometheus_url=os.environ.get("EKIBEN_PROMETHEUS_URL", ""),
            node_address=os.environ.get("EKIBEN_NODE_ADDRESS", ""),
        )
    running = [each for each in ours if kind.made(each) or life.alive(each)]
    running.sort(key=lambda each: each.name != "local")
    if not running:
        raise ClusterError(
            "expected a cluster, found none running and none named",
            remedy="`ekiben cluster up`, or name one with --context",
        )
    if len(running) > 1 and running[0].name != "local":
        raise ClusterError(
            f"expected one running cluster, found {', '.join(each.name for each in running)}",
            remedy="name one with --context ekiben-NAME",
        )
    return _address(running[0])


def _address(layout: Layout) -> ClusterAddress:
    if kind.made(layout):
        return kind.address(layout)
    record = life.recorded(layout)
    if record is None:
        raise ClusterError(f"expected cluster {layout.name!r}, found no record", remedy="`ekiben cluster up`")
    node = str(record.addresses.node)
    return ClusterAddress(
        layout.context,
        kubeconfig=layout.kubeconfig,
        registry=configuration.registry_name(record.addresses),
        prometheus_url=f"http://{node}:{subnets.PROMETHEUS_PORT}",
        node_address=node,
        registry_insecure=True,
    )
