"""What a finished rollout must show before it counts as verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ekiben.clients.connection import Answer
from ekiben.clients.objects import Pod
from ekiben.errors import ClusterError
from ekiben.identifiers import ImageReference
from ekiben.release.golden import Expected
from ekiben.release.record import Check
from ekiben.release.rollout import Failure
from ekiben.release.site import Site

_ROUNDS = 3  # through the Service, so that more than one replica answers
_ANSWER_SECONDS = 20.0  # a replica under load may refuse a moment; a wrong answer is not asked again
_KEY_SECONDS = 150.0  # a new key reaches running pods with the kubelet's next look, about every minute
_AUTOSCALER_SECONDS = 15.0  # KEDA makes its HPA after it has seen the ScaledObject
_AGAIN_SECONDS = 1.0
_OK, _UNAUTHENTICATED = 200, 401
_FINAL = (400, 403, 404, 405, 413, 415, 422)  # the request itself is wrong: it is not asked again
_REMEDIES = {
    "rollout": "kubectl describe deployment tells why replicas are missing",
    "image digest": "something changed the Deployment beside Helm: release again",
    "artefact hash": "the image carries another artefact than this machine has: ekiben image, then release",
    "golden rows": "the image answers otherwise than the trained model: train, pack and release again; "
    "where it refuses to answer: give a credential with leave to predict in EKIBEN_API_KEY",
    "autoscaler": "something changed the HPA beside Helm: release again",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release must show.

    Attributes:
        image: What every pod must run.
        expected: What every pod must answer.
        replicas: Fewest replicas.
        autoscaled: The HPA owns their number.
    """

    image: ImageReference
    expected: Expected
    replicas: int
    autoscaled: bool


def verify(site: Site, wanted: Wanted) -> tuple[Check, ...]:
    """Run the checks in order; the first that fails is the last of the result.

    Raises:
        ClusterError: The API server refused, or was not reached.
    """
    made: list[Check] = []
    for check in _checks(site, wanted):
        made.append(check)
        if not check.passed:
            break
    return tuple(made)


def failure(checks: tuple[Check, ...]) -> Failure | None:
    """Return the failed check as a failure; None if all passed."""
    bad = next((check for check in checks if not check.passed), None)
    return None if bad is None else Failure(bad.name, bad.expected, bad.found, _REMEDIES.get(bad.name, ""))


def inspect(site: Site, wanted: Wanted, pod: Pod) -> Failure | None:
    """Look into one new replica: digest, artefact hash, golden rows, past the Service.

    Returns:
        What is wrong with it; None if nothing is, or if it left meanwhile.

    Raises:
        ClusterError: The API server refused, or was not reached.
    """
    body = {"instances": list(wanted.expected.golden.instances)}
    rounds: tuple[Callable[[], Check], ...] = (
        lambda: _digest((pod,), wanted.image.digest),
        lambda: _artefact(site, (pod,), wanted.expected.artefact_sha256),
        lambda: _golden(site, wanted.expected, pod.name, 1, _pod_predict(site, pod, body)),
    )
    for look in rounds:
        found = failure((look(),))
        if found is not None:
            return None if _gone(site, pod) else replace(found, pod=pod.name)
    return None


def _checks(site: Site, wanted: Wanted) -> Iterator[Check]:
    body = {"instances": list(wanted.expected.golden.instances)}
    yield _rollout(site, wanted)
    yield _digest(_serving(site), wanted.image.digest)
    yield _artefact(site, _serving(site), wanted.expected.artefact_sha256)
    yield _golden(site, wanted.expected, "the Service", _ROUNDS, _service_predict(site, body))
    if wanted.autoscaled:
        yield _autoscaler(site)


def _serving(site: Site) -> tuple[Pod, ...]:
    return tuple(p for p in site.cluster.pods(site.namespace, site.release) if p.ready and not p.ending)


def _rollout(site: Site, wanted: Wanted) -> Check:
    expected = f"every replica of the newest template, at least {wanted.replicas} available"
    found = site.cluster.rollout(site.namespace, site.release)
    if found is None:
        return Check("rollout", False, expected, "no Deployment")
    passed = found.updated == found.total and found.available >= wanted.replicas
    return Check(
        "rollout",
        passed,
        expected,
        f"{found.available} available, {found.updated} of {found.total} of the newest",
    )


def _digest(pods: tuple[Pod, ...], digest: str) -> Check:
    wrong = [f"{pod.name} runs {pod.digest or 'nothing'}" for pod in pods if pod.digest != digest]
    found = ", ".join(wrong) or f"{len(pods)} pods, all of this digest"
    return Check("image digest", bool(pods) and not wrong, f"imageID {digest} in every pod", found)


def _gone(site: Site, pod: Pod) -> bool:
    """True if it left meanwhile: the HPA may take a replica away at any time."""
    return pod.name not in {one.name for one in _serving(site)}


def _artefact(site: Site, pods: tuple[Pod, ...], sha256: str) -> Check:
    expected = f"{sha256}, computed by every pod from its own files"
    seen = 0
    for pod in pods:
        answer, said = _asked(site, _readyz(site, pod))
        if answer is None and _gone(site, pod):
            continue
        found = said if answer is None else str(answer.json().get("artefact", "none"))
        if found != sha256:
            return Check("artefact hash", False, expected, f"{pod.name}: {found}")
        seen += 1
    return Check("artefact hash", seen > 0, expected, f"{seen} pods, all of this hash")


def _readyz(site: Site, pod: Pod) -> Callable[[], Answer]:
    return lambda: site.cluster.pod_request(
        site.namespace, pod.name, "/readyz", port=pod.http_port, tls=pod.tls
    )


def _pod_predict(site: Site, pod: Pod, body: Any) -> Callable[[], Answer]:
    return lambda: site.cluster.pod_request(
        site.namespace, pod.name, "/predict", body, port=pod.http_port, tls=pod.tls, headers=site.headers
    )


def _service_predict(site: Site, body: Any) -> Callable[[], Answer]:
    return lambda: site.cluster.service_request(
        site.namespace, site.release, "/predict", body, headers=site.headers
    )


def _golden(site: Site, expected: Expected, who: str, rounds: int, ask: Callable[[], Answer]) -> Check:
    rows = len(expected.golden.instances)
    words = f"the right answer to {rows} golden rows, {rounds} time(s), from {who}"
    for _ in range(rounds):
        answer, said = _asked(site, ask)
        difference = said if answer is None else expected.golden.difference(answer.json())
        if difference:
            return Check("golden rows", False, words, difference)
    return Check("golden rows", True, words, f"{rounds} x {rows} answers, all right")


def _autoscaler(site: Site) -> Check:
    expected = f"an HPA that scales Deployment/{site.release}"
    began, found = site.clock(), site.cluster.autoscaler(site.namespace, site.release)
    while found is None and site.clock() - began < _AUTOSCALER_SECONDS:
        site.sleep(_AGAIN_SECONDS)
        found = site.cluster.autoscaler(site.namespace, site.release)
    if found is None:
        return Check("autoscaler", False, expected, "none")
    target = f"{found.target_kind}/{found.target_name}"
    words = f"{target}, {found.minimum} to {found.maximum} replicas"
    return Check("autoscaler", target == f"Deployment/{site.release}", expected, words)


def _asked(site: Site, ask: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """Ask until there is a 200; an answer that says the request itself is wrong is not asked again.

    Returns:
        The answer and no words, or no answer and what was found instead.
    """
    began, said, longest = site.clock(), "", _ANSWER_SECONDS
    while True:
        try:
            answer = ask()
        except ClusterError as error:
            said = str(error)
        else:
            if answer.status == _OK:
                return answer, ""
            said = f"status {answer.status}: {answer.body[:300].decode(errors='replace')}"
            if answer.from_api_server:
                pass
            elif answer.status in _FINAL or (answer.status == _UNAUTHENTICATED and not site.credential):
                return None, said
            elif answer.status == _UNAUTHENTICATED:
                longest = _KEY_SECONDS
        if site.clock() - began > longest:
            return None, said
        site.sleep(_AGAIN_SECONDS)
