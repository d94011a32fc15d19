"""Station 4: an image by digest -> a Helm revision that verified itself, or was undone."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ekiben.clients import helm, places
from ekiben.clients.helm import HelmRevision
from ekiben.config import ModelConfig
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import ClusterAddress, ImageReference, Revision
from ekiben.release import checks, golden, record, repair, service, site, undo, verification, wait
from ekiben.release import values as chart_values
from ekiben.release.checks import Wanted
from ekiben.release.golden import Expected
from ekiben.release.record import Check, Verified
from ekiben.release.rollout import Failure
from ekiben.release.site import Site

if TYPE_CHECKING:
    from ekiben.scale.plan.document import CapacityPlan

_log = logging.getLogger(__name__)
_VERIFY_SECONDS = 30.0  # what is verified already is ready now, or is not what it was
_UNSCALED_SECONDS = 60.0  # KEDA's operator takes its HPA away when it sees that the ScaledObject goes


@dataclass(frozen=True, slots=True)
class Released:
    """A verified revision.

    Attributes:
        revision: The Helm revision that serves.
        image: What every pod of it runs.
        checks: What it showed.
        seconds: Wall time of the release.
        previous: The revision that was verified before it; None if it is the first.
    """

    revision: Revision
    image: ImageReference
    checks: tuple[Check, ...]
    seconds: float
    previous: Revision | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would do.

    Attributes:
        release: Name of the Helm release.
        namespace: Its namespace, made if it is missing.
        context: Kube context.
        image: What would be deployed.
        values: Chart values.
        argv: The Helm command; the values are its standard input.
    """

    release: str
    namespace: str
    context: str
    image: ImageReference
    values: Mapping[str, Any]
    argv: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return it for a terminal."""
        return [
            f"would release {self.namespace}/{self.release} to {self.context}",
            f"+ {shlex.join(self.argv)}",
            "with these values on its standard input:",
            *yaml.safe_dump(dict(self.values), sort_keys=False).rstrip().splitlines(),
        ]


@dataclass(frozen=True, slots=True)
class _Task:
    """Everything that is known before the cluster is touched."""

    chart: Path
    values: Mapping[str, Any]
    inputs_sha256: str
    wanted: Wanted


def _task(
    config: ModelConfig,
    image: ImageReference,
    artefact: Path,
    plan: CapacityPlan | None,
    address: ClusterAddress,
) -> _Task:
    expected: Expected = golden.read(artefact)
    if expected.model.name != config.model:
        raise ConfigError(
            f"expected an artefact of {config.model}, found one of {expected.model.name} in {artefact}",
            remedy=f"train {config.model}: ekiben train {config.model}",
        )
    chart = places.source("helm/model-server")
    model, sha256 = expected.model, expected.artefact_sha256
    values = chart_values.chart_values(config, image, model, sha256, plan, address.prometheus_url)
    wanted = Wanted(image, expected, chart_values.replicas_expected(values), chart_values.autoscaled(values))
    return _Task(chart, values, record.inputs_sha256(chart, values), wanted)


def plan_release(
    config: ModelConfig,
    image: ImageReference,
    artefact: Path,
    address: ClusterAddress,
    *,
    namespace: str,
    capacity: CapacityPlan | None = None,
) -> Plan:
    """Say what `release` would do; changes nothing and asks no cluster.

    Raises:
        ConfigError: No such artefact, or values that fight.
        ToolError: No helm.
    """
    task, door = _task(config, image, artefact, capacity, address), site.helm_at(address)
    argv = door.upgrade_argv(config.release_name, task.chart, namespace)
    return Plan(config.release_name, namespace, address.context, image, task.values, argv)


def release(
    config: ModelConfig,
    image: ImageReference,
    artefact: Path,
    address: ClusterAddress,
    *,
    namespace: str,
    capacity: CapacityPlan | None = None,
) -> Released:
    """Release by digest, wait, verify; undo what fails a check.

    Args:
        config: The model's `ekiben.yaml`.
        image: What is deployed.
        artefact: Folder of the artefact that the image was built from: golden rows and hash.
        address: The cluster.
        namespace: Namespace of the release; made under Pod Security *restricted* if it is missing.
        capacity: Plan whose numbers the chart takes; None takes those of `scale` and `release.resources`.

    Returns:
        The verified revision; a new one unless the same was verified before and still shows it.

    Raises:
        ConfigError: No such artefact, values that the chart refuses, or a plan of another artefact.
        ToolError: No helm, or it failed before anything was changed.
        RolledBackError: A check failed; what served before serves again.
        ClusterError: The cluster refused, was not reached, or the way back failed.
    """
    task = _task(config, image, artefact, capacity, address)
    with site.at(address, config, namespace) as here:
        _rendered(here, task)
        return _release(here, task)


def _rendered(here: Site, task: _Task) -> None:
    """Let the chart refuse values before the cluster is touched."""
    try:
        helm.template(here.helm.program, task.chart, here.release, here.namespace, task.values)
    except ToolError as error:
        if error.status is None:
            raise
        raise ConfigError(
            f"release.values: the chart refuses them:\n{error.last_lines}",
            remedy="helm/model-server/README.md lists every value with its unit and bounds",
        ) from error


def _release(here: Site, task: _Task) -> Released:
    began = here.clock()
    made_namespace = here.cluster.ensure_namespace(here.namespace)
    history = repair.repair(here)
    past = undo.before(here, history, made_namespace=made_namespace)
    here = verification.ready(here, required=chart_values.access_required(task.values))
    again = _verified_again(here, task, history, past)
    if again is not None:
        number, made = again
    else:
        number = _upgraded(here, task, history, past)
        made = _verified(here, task, number, past)
        _write(here, task, number, made)
    known = record.read(here.cluster, here.namespace, here.release)
    older = record.newest(known, (one.revision for one in known), before=number)
    return Released(
        here.revision(number),
        task.wanted.image,
        made,
        here.clock() - began,
        here.revision(older.revision) if older else None,
    )


def _verified_again(
    here: Site, task: _Task, history: tuple[HelmRevision, ...], past: undo.Before
) -> tuple[int, tuple[Check, ...]] | None:
    """Verify what is there, if it is what is asked for; None if a new revision is needed."""
    newest, entry = history[-1] if history else None, past.verified
    if newest is None or entry is None or (newest.number, newest.status) != (entry.revision, "deployed"):
        return None
    if (entry.image.digest, entry.inputs_sha256) != (task.wanted.image.digest, task.inputs_sha256):
        return None
    _log.info(
        "%s: revision %d is the same and was verified %s; verifying again", here, entry.revision, entry.at
    )
    quick = site.with_timeout(here, _VERIFY_SECONDS)
    if wait.until_ready(quick, task.wanted.replicas) is not None:
        return None
    made = checks.verify(here, task.wanted)
    if checks.failure(made):
        return None
    service.follow(here, entry)
    return entry.revision, made


def _upgraded(here: Site, task: _Task, history: tuple[HelmRevision, ...], past: undo.Before) -> int:
    """Install or upgrade; a Helm that failed half-way is undone as a failed check is."""
    _log.info("%s: releasing %s", here, task.wanted.image)
    here.cluster.hold_replicas(here.namespace, here.release)
    scaled = here.cluster.autoscaler(here.namespace, here.release) is not None
    try:
        number = here.helm.upgrade(here.release, task.chart, here.namespace, task.values).number
    except ToolError as error:
        newest = here.helm.status(here.release, here.namespace)
        if newest is None or (history and newest.number <= history[-1].number):
            if past.made_namespace:
                here.cluster.remove_namespace_if_ours(here.namespace)
            raise
        reason = error.last_lines.splitlines()[-1] if error.last_lines else str(error)
        failure = Failure("helm upgrade", "objects that the cluster takes", reason)
        raise undo.undo(here, newest.number, failure, past) from error
    if scaled:
        _handed_over(here, task)
    return number


def _handed_over(here: Site, task: _Task) -> None:
    """Have the replicas that were asked for, where the HPA went: its last look may have been after Helm's.

    Helm gives the Deployment its number first and takes the HPA away then (KEDA's goes later still). An HPA
    that looks in between has its own fewest back, and nobody would ever change that.
    """
    count = task.values.get("replicaCount")
    if task.wanted.autoscaled or count is None:
        return
    wait.until_unscaled(here, _UNSCALED_SECONDS)
    if here.cluster.autoscaler(here.namespace, here.release) is None:
        here.cluster.own_replicas(here.namespace, here.release, int(count))


def _verified(here: Site, task: _Task, number: int, past: undo.Before) -> tuple[Check, ...]:
    """Wait for the revision and check it; undo it if it fails."""
    failure = wait.until_ready(here, task.wanted.replicas, partial(checks.inspect, here, task.wanted))
    if failure is None:
        made = checks.verify(here, task.wanted)
        failure = checks.failure(made)
        if failure is None:
            return made
    raise undo.undo(here, number, failure, past)


def _write(here: Site, task: _Task, number: int, made: tuple[Check, ...]) -> None:
    wanted = task.wanted
    entry = Verified(
        revision=number,
        image=wanted.image,
        model=wanted.expected.model,
        artefact_sha256=wanted.expected.artefact_sha256,
        inputs_sha256=task.inputs_sha256,
        replicas=wanted.replicas,
        checks=made,
        by=record.user(),
        at=record.now_text(here.now()),
        golden=wanted.expected.golden.first(record.GOLDEN_ROWS),
    )
    record.write(here.cluster, here.namespace, here.release, entry)
    service.follow(here, entry)
