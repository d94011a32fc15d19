"""How Go programs are made: modules, packages, flags, and the hash that names a built set. Pure.

A module for each set whose libraries' versions exclude another's; within one, one `go build`
compiles every shared package once and links side by side. Helm is of the line (4.1) that needs
the same `k8s.io/*` as Kubernetes 1.35: beside it, it costs 18 s instead of 118 s (2 cores).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import places

_KUBERNETES = "k8s.io/kubernetes/cmd"
_PROMETHEUS = "github.com/prometheus/prometheus/cmd"
_NO_DEBUGGER = "-gcflags=all=-dwarf=false"  # -s -w drops it at the end; not making it saves a tenth


@dataclass(frozen=True, slots=True)
class Recipe:
    """One module and the programs that come out of it.

    Attributes:
        name: Its name in the cache and in messages.
        folder: Below `k8s/local`.
        packages: Program to Go package.
        tags: Build tags.
        usual_seconds: A cold build on two quiet cores.
        usual_packages: Go packages that a cold build compiles.
    """

    name: str
    folder: str
    packages: dict[str, str]
    tags: str = ""
    usual_seconds: int = 0
    usual_packages: int = 0

    @property
    def module(self) -> Path:
        """Where its `go.mod` is."""
        return places.source("k8s/local") / self.folder


NODE = Recipe(
    "node",
    ".",
    {
        **{
            name: f"{_KUBERNETES}/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
            )
        },
        "coredns": "./coredns",
        "metrics-server": "./metrics-server",
        "pause": "./pause",
        "prometheus": f"{_PROMETHEUS}/prometheus",
        "promtool": f"{_PROMETHEUS}/promtool",
        "helm": "helm.sh/helm/v4/cmd/helm",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    },
    tags="remove_all_sd,enable_kubernetes_sd",
    usual_seconds=400,
    usual_packages=4000,
)
SCORE = Recipe(
    "score",
    "score",
    {
        "kube-score": "github.com/zegl/kube-score/cmd/kube-score",
    },
    usual_seconds=25,
    usual_packages=500,
)
KEDA = Recipe(
    "keda",
    "keda",
    {name: f"github.com/kedacore/keda/v2/cmd/{name}" for name in ("adapter", "operator")},
    usual_seconds=380,
    usual_packages=4200,
)
RECIPES = (NODE, SCORE, KEDA)
# The line that most people still have. Nothing here needs it: it is made for the tests that release by it.
HELM3 = Recipe(
    "helm3",
    "helm3",
    {"helm": "helm.sh/helm/v3/cmd/helm"},
    usual_seconds=120,
    usual_packages=1200,
)


def recipe_of(program: str) -> Recipe | None:
    """The recipe that makes a program; None if no recipe does."""
    return next((each for each in RECIPES if program in each.packages), None)


def requirements(go_mod: str) -> dict[str, str]:
    """Versions that a `go.mod` requires, by module path; where it replaces one, the version that is built."""
    lines = [line.partition("//")[0].split() for line in go_mod.splitlines()]
    lines = [words[1:] if words[:1] in (["require"], ["replace"]) else words for words in lines]
    required = {words[0]: words[1] for words in lines if len(words) == 2 and _is_version(words[1])}  # noqa: PLR2004  # a pair
    replaced = {words[0]: words[-1] for words in lines if "=>" in words and _is_version(words[-1])}
    return {path: replaced.get(path, version) for path, version in required.items()}


def _is_version(word: str) -> bool:
    return re.fullmatch(r"v\d+\.\d+\.\d+\S*", word) is not None


def version_flags(versions: dict[str, str]) -> list[str]:
    """Linker flags that tell programs their version; one for a program that is not linked does nothing."""
    flags = []
    if kubernetes := versions.get("k8s.io/kubernetes"):
        major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
        prefix = "k8s.io/component-base/version."
        stamps = {"gitVersion": kubernetes, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags += [f"-X {prefix}{name}={value}" for name, value in stamps.items()]
    if prometheus := versions.get("github.com/prometheus/prometheus"):
        flags.append(f"-X github.com/prometheus/common/version.Version={prometheus_version(prometheus)}")
    if keda := versions.get("github.com/kedacore/keda/v2"):
        flags.append(f"-X github.com/kedacore/keda/v2/version.Version={keda.removeprefix('v')}")
    for path in ("helm.sh/helm/v4", "helm.sh/helm/v3"):
        if helm := versions.get(path):
            flags.append(f"-X {path}/internal/version.version={helm}")
    for path in ("github.com/yannh/kubeconform", "github.com/zegl/kube-score"):
        if version := versions.get(path):
            flags.append(f"-X main.version={version}")
            break
    return flags


def prometheus_version(module: str) -> str:
    """Prometheus' version from its module's: v0.311.3 is 3.11.3.

    Source: https://github.com/prometheus/prometheus#prometheus-code-base
    """
    _, release, patch = module.removeprefix("v").split(".", 2)
    return f"{int(release) // 100}.{int(release) % 100}.{patch}"


def arguments(recipe: Recipe, go_mod: str) -> list[str]:
    """Arguments of `go build` but for target and packages."""
    linker = " ".join(["-s", "-w", *version_flags(requirements(go_mod))])
    return [
        "build",
        "-v",
        "-trimpath",
        _NO_DEBUGGER,
        *([f"-tags={recipe.tags}"] if recipe.tags else []),
        f"-ldflags={linker}",
    ]


def environment() -> dict[str, str]:
    """What `go` must not take from the user's own settings; where it downloads from stays theirs."""
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
        "GOGC": "400",  # the compiler's own garbage collection: measured 17 % less CPU, for some memory
    }


def key(recipe: Recipe, go_version: str, sources: dict[str, bytes]) -> str:
    """Name of the built set: 16 hex digits over everything that the result depends on.

    Args:
        recipe: How it is built.
        go_version: Output of `go env GOVERSION GOOS GOARCH`.
        sources: The module's own files by path.
    """
    digest = hashlib.sha256()
    how = [go_version, *arguments(recipe, sources["go.mod"].decode()), *sorted(recipe.packages.items())]
    digest.update(repr(how).encode())
    for path, content in sorted(sources.items()):
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def floor_of(go_mod: str) -> str:
    """The oldest Go that a module accepts."""
    found = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    assert found is not None  # noqa: S101  # every go.mod of ours has the line
    return found[1]
