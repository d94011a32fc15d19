"""The way back: to the last revision that served, or to nothing if there was none."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

from ekiben.clients.helm import HelmRevision
from ekiben.errors import ClusterError, RolledBackError, ToolError
from ekiben.release import checks, record, service, verification, wait
from ekiben.release.checks import Wanted
from ekiben.release.golden import Expected
from ekiben.release.record import Verified
from ekiben.release.rollout import Failure
from ekiben.release.site import Site

_log = logging.getLogger(__name__)
GONE_SECONDS = 120.0  # the longest grace period of default values is 60 s


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a release began.

    Attributes:
        verified: The revision to go back to, with its evidence; None if none was verified.
        number: The revision to go back to; None if nothing served.
        made_namespace: The namespace did not exist.
    """

    verified: Verified | None = None
    number: int | None = None
    made_namespace: bool = False


def before(site: Site, history: tuple[HelmRevision, ...], *, made_namespace: bool) -> Before:
    """Find what to go back to if the release that begins now fails.

    The newest verified revision; else a revision that nobody verified but that
    serves (installed by hand, or by a run that was interrupted): what served
    before must serve after.
    """
    known = record.read(site.cluster, site.namespace, site.release)
    verified = record.newest(known, (one.number for one in history))
    if verified is not None:
        return Before(verified, verified.revision, made_namespace)
    deployed = next((one.number for one in reversed(history) if one.status == "deployed"), None)
    found = site.cluster.rollout(site.namespace, site.release)
    serves = found is not None and found.available > 0
    return Before(None, deployed if serves else None, made_namespace)


def wanted_of(verified: Verified, *, autoscaled: bool) -> Wanted:
    """What a verified revision must show again."""
    expected = Expected(verified.model, verified.artefact_sha256, verified.golden)
    return Wanted(verified.image, expected, verified.replicas, autoscaled)


def restore(site: Site, verified: Verified) -> Verified | Failure:
    """Roll back to a verified revision, wait, verify it again and write that down.

    Returns:
        The new revision's entry, or why it does not serve as it did.

    Raises:
        ToolError: Helm refused.
        ClusterError: The API server refused, or was not reached.
    """
    site.cluster.hold_replicas(site.namespace, site.release)
    site.helm.rollback(site.release, site.namespace, verified.revision)
    now = site.helm.status(site.release, site.namespace)
    if now is None:
        return Failure("rollout", "a release", "none: somebody removed it")
    autoscaled = site.cluster.autoscaler(site.namespace, site.release) is not None
    wanted = wanted_of(verified, autoscaled=autoscaled)
    failure = wait.until_ready(site, verified.replicas, partial(checks.inspect, site, wanted))
    if failure is not None:
        return failure
    made = checks.verify(site, wanted)
    failure = checks.failure(made)
    if failure is not None:
        return failure
    entry = replace(
        verified, revision=now.number, checks=made, by=record.user(), at=record.now_text(site.now())
    )
    record.write(site.cluster, site.namespace, site.release, entry)
    service.follow(site, entry)
    return entry


def undo(site: Site, number: int, failure: Failure, past: Before) -> RolledBackError:
    """Undo a revision that failed a check.

    Args:
        site: Where.
        number: The revision that failed.
        failure: Which check, what it expected and found.
        past: What there was before.

    Returns:
        The error to raise: it is undone, and which check failed.

    Raises:
        ClusterError: It could not be undone, or somebody else released meanwhile.
    """
    lines = wait.last_lines(site, failure.pod)
    story = (
        f"{site} revision {number} failed the check {failure.check!r}: "
        f"expected {failure.expected}; found {failure.found}"
    )
    _log.warning("%s; undoing it", story)
    newest = site.helm.status(site.release, site.namespace)
    if newest is not None and newest.number > number:
        raise ClusterError(
            f"{story}. Revision {newest.number} was released meanwhile by somebody else: nothing was undone",
            remedy="agree who releases, then release again",
        )
    try:
        end = _undone(site, past)
    except ToolError as error:
        raise ClusterError(
            f"{story}. The way back failed as well: {error}: {error.last_lines}",
            remedy="release again when that is solved: it begins by repairing what is half-made",
        ) from error
    tail = f"\nlast lines of {failure.pod}:\n{lines}" if lines else ""
    return RolledBackError(f"{story}. {end}{tail}", check=failure.check, remedy=failure.remedy)


def _undone(site: Site, past: Before) -> str:
    if past.number is None:
        remove(site, namespace=past.made_namespace)
        return "There was nothing before: the release was removed again"
    if past.verified is None:
        site.helm.rollback(site.release, site.namespace, past.number)
        failure = wait.until_ready(site, 1)
        if failure is not None:
            raise _lost(site, past.number, failure)
        return f"Rolled back to revision {past.number}, which serves (it was never verified)"
    restored = restore(site, past.verified)
    if isinstance(restored, Failure):
        raise _lost(site, past.number, restored)
    return f"Rolled back to revision {past.number} (now {restored.revision}), verified again"


def _lost(site: Site, number: int, failure: Failure) -> ClusterError:
    return ClusterError(
        f"{site}: rolled back to revision {number}, but it does not serve as it did: {failure.check}: "
        f"expected {failure.expected}; found {failure.found}",
        remedy=failure.remedy or f"kubectl -n {site.namespace} get pods,events",
    )


def remove(site: Site, *, namespace: bool, callers: bool = False) -> tuple[str, ...]:
    """Remove the release, its record, its own key and (if asked, ours and empty) its namespace.

    Args:
        site: Where.
        namespace: Remove the namespace too.
        callers: Remove the callers' keys too.

    Returns:
        Ids of the callers whose keys stay.

    Raises:
        ToolError: Helm refused.
        ClusterError: Pods stayed.
    """
    site.helm.uninstall(site.release, site.namespace)
    site.cluster.remove_pod(site.namespace, f"{site.release}-test")  # hooks are nobody's: Helm leaves them
    site.cluster.remove_config_map(site.namespace, record.name(site.release))
    kept = verification.forget(site, callers=callers)
    wait.until_gone(site, GONE_SECONDS)
    if namespace:
        site.cluster.remove_namespace_if_ours(site.namespace)
    return kept
