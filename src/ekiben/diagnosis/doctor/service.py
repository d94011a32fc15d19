"""The links from the Service to the pods: its selector, its ports, its endpoints, an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Endpoint, Service
from ekiben.diagnosis.doctor.link import FORBIDDEN, Finding, Subject, broken, counted, sound, unknown
from ekiben.diagnosis.doctor.pods import Pods, aged

PORT = "http"  # of the chart: where predictions are asked for
_SLICE_SECONDS = 10.0  # a slice follows a pod's readiness within a second or two
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Exposed:
    """What this group is judged by.

    Attributes:
        service: The release's Service; None if there is none.
        endpoints: What stands behind it.
        answer: What /readyz said through it; None if it was not asked, or nothing came in time.
        silence: Why there is no answer; empty if there is one.
    """

    service: Service | None
    endpoints: tuple[Endpoint, ...] = ()
    answer: Answer | None = None
    silence: str = ""


def judge(subject: Subject, pods: Pods, facts: Exposed) -> Iterator[Finding]:
    """Judge these links, in their order."""
    service = facts.service
    if service is None:
        yield broken(
            "selector",
            f"there is no Service {subject.namespace}/{subject.release}",
            f"ekiben release {subject.model}",
        )
        return
    yield _selector(subject, pods, service)
    yield _ports(subject, pods, service)
    yield _endpoints(subject, pods, facts.endpoints)
    yield _answer(subject, facts)


def _selector(subject: Subject, pods: Pods, service: Service) -> Finding:
    wrong = _differences(service.selector, pods.deployment.labels)
    if wrong:
        right = dict(pods.deployment.selector)
        operation = [{"op": "replace", "path": "/spec/selector", "value": right}]
        return broken(
            "selector",
            f"the Service {service.name} wants pods with {', '.join(wrong)}",
            subject.kubectl("patch", "service", service.name, "--type=json", f"-p={json.dumps(operation)}"),
        )
    strangers = [pod.name for pod in pods.serving if _differences(service.selector, pod.labels)]
    if strangers:
        return broken(
            "selector",
            f"{', '.join(strangers)} lack labels that the Service wants: {_words(service.selector)}",
            subject.kubectl("delete", "pod", *strangers) + "   # the Deployment makes new ones",
        )
    return sound("selector", f"it wants {_words(service.selector)}")


def _ports(subject: Subject, pods: Pods, service: Service) -> Finding:
    names = {name for one in pods.deployment.containers for name in one.ports}
    numbers = {name: number for one in pods.deployment.containers for name, number in one.ports.items()}
    if PORT not in {port.name for port in service.ports}:
        found = ", ".join(port.name or str(port.number) for port in service.ports)
        return broken(
            "ports",
            f"the Service {service.name} has no port named {PORT}, it has {found}",
            f"ekiben release {subject.model}",
        )
    for place, port in enumerate(service.ports):
        named = isinstance(port.target, str)
        if (named and port.target not in names) or (not named and port.target not in numbers.values()):
            there = ", ".join(f"{name} ({number})" for name, number in sorted(numbers.items())) or "none"
            right = port.name if port.name in names else PORT
            path = f"/spec/ports/{place}/targetPort"
            operation = [{"op": "replace", "path": path, "value": right}]
            mend = subject.kubectl(
                "patch", "service", service.name, "--type=json", f"-p={json.dumps(operation)}"
            )
            deploy = f"name the container's port {port.target} again: `ekiben release {subject.model}`, or "
            return broken(
                "ports",
                f"the Service's port {port.name} leads to the pods' port {port.target}; they have {there}",
                mend if port.name in names else deploy + mend,
            )
    return sound("ports", ", ".join(f"{one.name} {one.number} -> {one.target}" for one in service.ports))


def _endpoints(subject: Subject, pods: Pods, endpoints: tuple[Endpoint, ...]) -> Finding:
    behind = {one.pod for one in endpoints if one.ready and PORT in one.ports}
    known = aged(pods.serving, subject.now, _SLICE_SECONDS)
    missing = [pod.name for pod in known if pod.name not in behind]
    if missing or not behind:
        return broken(
            "endpoints",
            f"{len(behind)} of {counted(len(pods.serving), 'ready pod')} behind the Service's port {PORT}; "
            f"missing: {', '.join(missing) or 'all'}",
            "is kube-controller-manager up? " + subject.kubectl("get", "endpointslices", "-o", "wide"),
        )
    return sound("endpoints", f"{counted(len(behind), 'pod')} behind it")


def _answer(subject: Subject, facts: Exposed) -> Finding:
    answer = facts.answer
    look = subject.kubectl(
        "get",
        "--raw",
        f"/api/v1/namespaces/{subject.namespace}/services/{subject.release}:{PORT}/proxy/readyz",
    )
    if answer is None:
        return broken("answer", f"/readyz was not answered: {facts.silence}", look)
    if answer.from_api_server and answer.status in FORBIDDEN:
        return unknown("answer", f"the API server may not ask it for us: {answer.status}")
    if answer.from_api_server or answer.status >= _SERVER_ERROR:
        words = " ".join(answer.body[:300].decode(errors="replace").split())
        return broken("answer", f"/readyz was answered with {answer.status}: {words}", look)
    return sound("answer", f"/readyz {answer.status}")


def _differences(wanted: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    return [
        f"{key}={value} (they have {f'{key}={labels[key]}' if key in labels else 'no such label'})"
        for key, value in wanted.items()
        if labels.get(key) != value
    ]


def _words(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key.rpartition('/')[2]}={value}" for key, value in labels.items())
