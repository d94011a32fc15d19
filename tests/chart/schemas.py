"""Schemas of Kubernetes and of the custom resources, as files for kubeconform: nothing is downloaded.

`kubernetes-validate` carries Kubernetes' own, with one file of definitions per minor version; kubeconform
wants each kind whole. `crds/` holds the rest (tools/crds.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate

from ekiben.clients import command, tools

MINORS = (
    "1.33",
    "1.35",
    "1.37",
)  # two behind the one that we run, it, and the newest that there are schemas of
CRDS = Path(__file__).parent / "crds"
_BUNDLED = Path(str(kubernetes_validate.__file__)).parent / "kubernetes-json-schema"
_KINDS = (
    "configmap-v1",
    "deployment-apps-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "ingress-networking-v1",
    "namespace-v1",
    "networkpolicy-networking-v1",
    "pod-v1",
    "poddisruptionbudget-policy-v1",
    "role-rbac-v1",
    "rolebinding-rbac-v1",
    "service-v1",
    "serviceaccount-v1",
    "validatingadmissionpolicy-admissionregistration-v1",
    "validatingadmissionpolicybinding-admissionregistration-v1",
)
_DEFINITIONS = "_definitions.json#/$defs/"


def write(folder: Path, minors: Sequence[str] = MINORS) -> None:
    """Write `<minor>/<kind>-<group>-<version>.json`, each with all that it refers to.

    Args:
        folder: Where.
        minors: Of Kubernetes.
    """
    for minor in minors:
        source = _BUNDLED / f"v{minor}.0-local-strict"
        definitions = json.loads((source / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
        (folder / minor).mkdir(parents=True)
        for kind in _KINDS:
            if not (source / f"{kind}.json").exists():
                continue  # that version of Kubernetes had none, and kubeconform says so where one is rendered
            whole = _whole(json.loads((source / f"{kind}.json").read_text(encoding="utf-8")), definitions)
            (folder / minor / f"{kind}.json").write_text(json.dumps(whole), encoding="utf-8")
        for crd in CRDS.glob("*.json"):
            (folder / minor / crd.name).write_bytes(crd.read_bytes())


def _whole(schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    needed: dict[str, Any] = {}
    left = [schema]
    while left:
        for name in _references(left.pop()):
            if name not in needed:
                needed[name] = definitions[name]
                left.append(definitions[name])
    text = json.dumps({**schema, "$defs": needed})
    return dict(json.loads(text.replace(f"/api/{_DEFINITIONS}", "#/$defs/")))


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        found = schema.get("$ref")
        if isinstance(found, str):
            yield found.rpartition("/")[2]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def errors(files: Sequence[Path], schemas: Path, minors: Sequence[str] = MINORS) -> list[str]:
    """What kubeconform, strict, says against manifests; also repeated keys, and kinds without a schema.

    Args:
        files: YAML.
        schemas: What `write` wrote.
        minors: Of Kubernetes.

    Returns:
        One line per object and minor version; none if all are valid.
    """
    found: list[str] = []
    for minor in minors:
        argv = [str(tools.find("kubeconform")), "-strict", "-output", "json", "-n", "2", "-schema-location"]
        argv += [f"{schemas / minor}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", *map(str, files)]
        done = command.run(argv, check=False, show=False, timeout_seconds=600)
        answers = json.loads(done.stdout)["resources"]
        found += [
            f"{minor}: {Path(one['filename']).name}: {one['kind']}/{one['name']}: {one['msg']}"
            for one in answers
        ]
    return found
