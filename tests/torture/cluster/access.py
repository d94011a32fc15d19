"""Who may do what: keys that change under load, and the rights of the deployer and of the pods."""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.torture.cluster import questions, stage
from tests.torture.cluster.load import Tally, sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import RELEASE, REPLICAS, ROOT
from tests.torture.cluster.watch import watching

if TYPE_CHECKING:
    from tests.e2e.rig import Project
    from tests.torture.cluster.questions import Question

_KNOWN_SECONDS = 150.0  # the kubelet brings a changed Secret within its sync period and a bit
_REFUSED_SECONDS = 60.0
_CALLER = "web"


def keys(run: Run) -> None:
    """A caller's key is rotated: two live ones, callers change over, the old one is revoked."""
    namespace = f"{run.stage.namespace}-keys"
    guarded = dataclasses.replace(
        stage.with_environment(run.stage.first, EKIBEN_RELEASE__ACCESS="required"), namespace=namespace
    )
    guarded.ekiben("release", RELEASE)
    spec = run.stage.rig.get("service", RELEASE, "-n", namespace)["spec"]
    address = (str(spec["clusterIP"]), int(spec["ports"][0]["port"]))
    asked = questions.draw(run.stage.models, run.draw)
    guarded.run("key", "revoke", RELEASE, _CALLER)  # of an earlier run
    old = str(guarded.ekiben("key", "create", RELEASE, _CALLER)["key"])
    _until(address, asked[0], old, 200)
    tallies = []
    with watching(run.stage.rig, namespace) as seen, ExitStack() as later:
        with sending(address, asked, run.sizes["rate"], headers=_bearer(old)) as first:
            first.hold(5)
            new = str(guarded.ekiben("key", "rotate", RELEASE, _CALLER)["key"])
            known = _until(address, asked[0], new, 200)
            second = later.enter_context(sending(address, asked, run.sizes["rate"], headers=_bearer(new)))
        _revoke_oldest(guarded)
        refused = _until(address, asked[0], old, 401)
        second.hold(run.sizes["seconds"])
    tallies = [first.tally, second.tally]
    run.none_failed(Tally([call for each in tallies for call in each.calls]))
    run.notes["new key known"] = f"after {known:.1f} s"
    run.check(
        f"the old key is refused within {_REFUSED_SECONDS:g} s",
        refused <= _REFUSED_SECONDS,
        f"after {refused:.1f} s",
    )
    pods = {(each.name, each.restarts) for look in seen.looks for each in look.pods}
    run.check("no pod was restarted or replaced", len(pods) == REPLICAS, len(pods))
    run.stage.rig.kubectl("delete", "namespace", namespace, "--wait=false")


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _revoke_oldest(guarded: Project) -> None:
    found = [each for each in guarded.ekiben("key", "list", RELEASE) if each["id"] == _CALLER]
    oldest = min(found, key=lambda each: str(each["expires"]))
    guarded.ekiben("key", "revoke", RELEASE, oldest["fingerprint"])


def _until(address: tuple[str, int], question: Question, key: str, status: int) -> float:
    """Wait until every pod answers a key so (20 answers in a row); gives the seconds it took.

    Raises:
        TimeoutError: They do not.
    """
    began, row = time.monotonic(), 0
    while row < 20:
        row = row + 1 if _status(address, question, key) == status else 0
        if time.monotonic() - began > _KNOWN_SECONDS:
            raise TimeoutError(f"expected {status} from all pods within {_KNOWN_SECONDS:g} s")
        if not row:
            time.sleep(0.5)
    return time.monotonic() - began


def _status(address: tuple[str, int], question: Question, key: str) -> int:
    url = f"http://{address[0]}:{address[1]}/predict"
    headers = {"Content-Type": "application/json", **_bearer(key)}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, question.body, headers), timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# By hand, from what `ekiben` and Helm do; k8s/deployer/role.yaml is what is compared with it.
_CHART = ("get", "create", "patch", "delete")
ALLOWED: dict[str, tuple[str, ...]] = {
    "namespaces": ("get",),
    "services": _CHART,
    "serviceaccounts": _CHART,
    "deployments.apps": (*_CHART, "list"),
    "horizontalpodautoscalers.autoscaling": _CHART,
    "poddisruptionbudgets.policy": _CHART,
    "networkpolicies.networking.k8s.io": _CHART,
    "ingresses.networking.k8s.io": _CHART,
    "scaledobjects.keda.sh": _CHART,
    "httproutes.gateway.networking.k8s.io": _CHART,
    "servicemonitors.monitoring.coreos.com": _CHART,
    "podmonitors.monitoring.coreos.com": _CHART,
    "prometheusrules.monitoring.coreos.com": _CHART,
    "jobs.batch": ("create", "delete"),
    "secrets": (*_CHART, "list", "update"),
    "configmaps": (*_CHART, "list", "update"),
    "pods": (*_CHART, "list", "watch"),
    "pods/log": ("get",),
    "replicasets.apps": ("list",),
    "events": ("list",),
    "pods/proxy": ("get", "create"),
    "services/proxy": ("get", "create"),
}
DEPLOYER, NOBODY = "ekiben-deployer", "default"


def rights(run: Run) -> None:
    """`auth can-i --list` of the deployer and of the pods' ServiceAccount, beside one without any right."""
    if run.stage.serving() is None:
        run.stage.calm()
    rig, namespace = run.stage.rig, run.stage.namespace
    made = rig.kubectl("kustomize", str(ROOT / "k8s/deployer")).replace(
        "namespace: models", f"namespace: {namespace}"
    )
    rig.kubectl("apply", "-f", "-", stdin=made)
    lists = {who: _can(run, who, namespace) for who in (DEPLOYER, RELEASE, NOBODY)}
    everybody = lists[NOBODY]
    allowed = {(what, verb) for what, verbs in ALLOWED.items() for verb in verbs}
    more, less = lists[DEPLOYER] - everybody - allowed, allowed - lists[DEPLOYER]
    run.number = len(allowed) + len(everybody)
    run.check("the deployer may do nothing else", not more, _words(more))
    run.check("the deployer may do all of the list", not less, _words(less))
    own = lists[RELEASE] - everybody
    run.check("a pod's account may do nothing", not own, _words(own))
    elsewhere = {who: _can(run, who, "kube-system") - everybody for who in (DEPLOYER, RELEASE)}
    found = elsewhere[DEPLOYER] | elsewhere[RELEASE]
    run.check("neither has any right in another namespace", not found, _words(found))


def _words(found: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{verb} {what}" for what, verb in sorted(found)) or "none"


def _can(run: Run, who: str, namespace: str) -> set[tuple[str, str]]:
    """(resource, verb) pairs that the API server says an account has, by its own review."""
    user = f"system:serviceaccount:{run.stage.namespace}:{who}"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    create = ("create", "--validate=false", "-f", "-", "-o", "json", "--as", user)
    said = run.stage.rig.kubectl(*create, stdin=json.dumps(review))
    found = set()
    for rule in json.loads(said)["status"]["resourceRules"]:
        names = [f":{name}" for name in rule.get("resourceNames", ())] or [""]
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                what = f"{resource}.{group}" if group else resource
                found |= {(f"{what}{name}", verb) for name in names for verb in rule["verbs"]}
    return found


KEYS = Scenario(
    name="key-rotation",
    action="`ekiben key rotate`, callers change over, `ekiben key revoke` of the old key",
    load="50 requests/s with the one key, then with the other",
    passes="0 failed; the old key is refused within 60 s; no pod is restarted",
    sizes={"rate": 50, "seconds": 30},
    minutes=5,
    act=keys,
)
RIGHTS = Scenario(
    name="rights",
    action="`auth can-i --list` of the deployer's account and of the pods'",
    load="none",
    passes="exactly the list that is written down; nothing for pods",
    sizes={},
    minutes=1,
    act=rights,
    unit="rights",
)
