"""KEDA on the node, on request: its two programs as images, and its own manifests, bent to them.

The manifests are those of KEDA's module (`config/minimal`, without its webhooks), so that resources and
permissions are upstream's own.

Source: https://github.com/kedacore/keda/tree/v2.21.0/config/minimal
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ekiben.clients import command, gobuild, locks, recipes
from ekiben.errors import ToolError
from ekiben.ground import images
from ekiben.ground.component import KEDA_IMAGES

MANIFEST = "keda.yaml"
MODULE = "github.com/kedacore/keda/v2"
_USER = 65532  # upstream's images say so themselves (gcr.io/distroless/static:nonroot); ours say no user
# Container of the manifests to the program that it runs here.
_PROGRAMS = {"keda-operator": "operator", "keda-metrics-apiserver": "adapter"}
Say = Callable[[str], None]


def provide(kubectl: Path, *, say: Say, nice: bool = False) -> Path:
    """Bring KEDA's programs, their images and the manifest into the cache; quick when they are there.

    Args:
        kubectl: The program that renders upstream's manifests.
        say: Takes lines of progress.
        nice: Give way to other work on this machine.

    Returns:
        The folder that holds them.

    Raises:
        ToolError: A download or a build failed.
    """
    folder = gobuild.built_set(recipes.KEDA) or gobuild.build(recipes.KEDA, say=say, nice=nice)
    with locks.alone(folder / ".images.lock", lambda: say("waiting for another making of KEDA's images")):
        if not (folder / KEDA_IMAGES).exists():
            made = [images.Image(_image(name), folder / name) for name in _PROGRAMS.values()]
            images.archive(made, folder / KEDA_IMAGES, platform.machine())
        if not (folder / MANIFEST).exists():
            partial = folder / f".{MANIFEST}.partial"
            partial.write_text(manifest(_upstream(kubectl)))
            partial.replace(folder / MANIFEST)
    return folder


def _image(program: str) -> str:
    return f"ekiben.invalid/keda-{program}:1"


def _upstream(kubectl: Path) -> str:
    module = gobuild.module_folder(recipes.KEDA, MODULE)
    return command.run([str(kubectl), "kustomize", str(module / "config" / "minimal")], show=False).stdout


def manifest(upstream: str) -> str:
    """Give upstream's manifests with our images; pure.

    Args:
        upstream: YAML documents.

    Raises:
        ToolError: They lack one of the two containers: another version of KEDA has others.
    """
    documents = [each for each in yaml.load_all(upstream, yaml.CSafeLoader) if each]
    found = {
        container["name"]
        for each in documents
        if each["kind"] == "Deployment"
        for container in _bent(each["spec"]["template"]["spec"])
    }
    if found != set(_PROGRAMS):
        raise ToolError(
            f"expected the containers {', '.join(_PROGRAMS)} in KEDA's manifests, found {', '.join(found)}"
        )
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False)


def _bent(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Let a pod's containers run what was built here."""
    pod["securityContext"]["runAsUser"] = _USER
    containers: list[dict[str, Any]] = pod["containers"]
    for container in containers:
        program = _PROGRAMS.get(container["name"], "")
        container.update(image=_image(program), command=[f"/{program}"], imagePullPolicy="IfNotPresent")
        if program == "operator":  # without webhooks there is nothing for it to patch
            container["args"].append("--enable-webhook-patching=false")
    return containers
