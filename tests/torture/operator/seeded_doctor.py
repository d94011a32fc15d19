"""Seeded faults of doctor and why."""

from __future__ import annotations

import functools

from tests.torture.pod.faults import Fault

_Fault = functools.partial(Fault, folder="src/ekiben")
_UNIT = "tests/unit"
_DOCTOR = (f"{_UNIT}/diagnosis/doctor",)
_WHY = (f"{_UNIT}/diagnosis/why",)
_CLI = (f"{_UNIT}/cli/test_observe.py",)
_FACTS = (f"{_UNIT}/clients/test_facts.py",)
_ASKED = (f"{_UNIT}/clients/test_inspected.py",)

FAULTS: tuple[Fault, ...] = (
    _Fault(
        "break-is-no-failure",
        "a broken link ends with 4",
        "cli/observe.py",
        "    if found.broken is not None:\n",
        "    if found.broken is None:\n",
        _CLI,
    ),
    _Fault(
        "looks-behind-the-break",
        "nothing behind the first broken link is judged",
        "diagnosis/doctor/walk.py",
        "        if one.health is Health.BROKEN:\n            return\n",
        "",
        _DOCTOR,
    ),
    _Fault(
        "believes-the-first-look",
        "a break must be seen twice",
        "diagnosis/doctor/walk.py",
        "            found = look()\n",
        "            pass\n",
        _DOCTOR,
    ),
    _Fault(
        "starting-is-broken",
        "a pod that starts within its probes' time is not broken",
        "diagnosis/doctor/pods.py",
        "    return now - since > patience + _SPARE_SECONDS\n",
        "    return True\n",
        _DOCTOR,
    ),
    _Fault(
        "ending-is-unready",
        "a pod that ends is not missed",
        "diagnosis/doctor/pods.py",
        "if not one.ending and one.phase not in _GONE",
        "if one.phase not in _GONE",
        _DOCTOR,
    ),
    _Fault(
        "too-new-is-broken",
        "a pod that nobody can know yet is not missed",
        "diagnosis/doctor/pods.py",
        "now - one.ready_since >= least_seconds",
        "now - one.ready_since >= 0",
        _DOCTOR,
    ),
    _Fault(
        "maximum-breaks",
        "an HPA at its maximum is a warning, not a break",
        "diagnosis/doctor/autoscaler.py",
        '        return warning(\n            "hpa-maximum",',
        '        return broken(\n            "hpa-maximum",',
        _DOCTOR,
    ),
    _Fault(
        "forbidden-is-broken",
        "what is not ours to read is not a break",
        "diagnosis/doctor/walk.py",
        "        if error.status not in FORBIDDEN:\n            raise\n",
        "        raise\n",
        _DOCTOR,
    ),
    _Fault(
        "wrong-port-unseen",
        "a Service's port that no pod has is named",
        "diagnosis/doctor/service.py",
        "if (named and port.target not in names)",
        "if (not named and port.target not in names)",
        _DOCTOR,
    ),
    _Fault(
        "request-not-needed",
        "a container without a CPU request is named",
        "diagnosis/doctor/autoscaler.py",
        'if "cpu" not in one.requests and',
        'if "cpu" in one.requests and',
        _DOCTOR,
    ),
    _Fault(
        "counts-replicas-after",
        "a change is derived from the replicas before it",
        "diagnosis/why/derivation.py",
        "        {} if rescaled else {one.pod",
        "        {} if not rescaled else {one.pod",
        _WHY,
    ),
    _Fault(
        "starting-pods-count",
        "pods that start are counted as the HPA counts them",
        "diagnosis/why/derivation.py",
        "            wanted = self._assumed(metric, tolerances)\n",
        "            wanted = ceil32(usage * pods)\n",
        _WHY,
    ),
    _Fault(
        "window-forgotten",
        "a stabilization window is named",
        "diagnosis/why/cause.py",
        "return Cause.WINDOW if stabilized else None",
        "return None",
        _WHY,
    ),
    _Fault(
        "another-hpas-change",
        "the last change is the own HPA's",
        "diagnosis/why/reading.py",
        "int(step[2]) == after",
        "int(step[2]) != after",
        _WHY,
    ),
    _Fault(
        "sidecars-unseen",
        "sidecars that restart are containers",
        "clients/facts/workload.py",
        'if one.get("restartPolicy") == "Always"',
        'if one.get("restartPolicy") != "Always"',
        _FACTS,
    ),
    _Fault(
        "refusal-is-absence",
        "a refusal is told from an absence",
        "clients/inspected.py",
        "        if answer.status == NOT_FOUND:\n",
        "        if answer.status >= _REFUSED_STATUS:\n",
        _ASKED,
    ),
)  # fmt: skip
