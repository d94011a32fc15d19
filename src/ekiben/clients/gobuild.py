"""Programs built from their pinned Go modules into ekiben's cache, each set once per hash of its sources.

Three modules, because their libraries' versions exclude each other; within one, one `go build` compiles every
shared package once and links side by side. A set appears whole or not at all; a build that was
interrupted is taken up again by Go's own cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import command, places
from ekiben.clients.progress import Ticker
from ekiben.errors import ToolError

_log = logging.getLogger(__name__)
Say = Callable[[str], None]

_KUBERNETES = "k8s.io/kubernetes/cmd"
_PROMETHEUS = "github.com/prometheus/prometheus/cmd"
_NO_DEBUGGER = "-gcflags=all=-dwarf=false"  # -s -w drops it at the end; not making it saves a tenth
_DOWNLOAD = re.compile(
    r"dial tcp|i/o timeout|connection re(set|fused)|unexpected EOF|TLS handshake|no such host|proxyconnect"
    r"|50[0234] |stream error|server misbehaving",
    re.IGNORECASE,
)
_ATTEMPTS = 3


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
    },
    tags="remove_all_sd,enable_kubernetes_sd",
    usual_seconds=360,
    usual_packages=2500,
)
HELM = Recipe(
    "helm",
    "helm",
    {"helm": "helm.sh/helm/v4/cmd/helm", "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
    usual_seconds=90,
    usual_packages=1200,
)
SCORE = Recipe(
    "score",
    "score",
    {"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    usual_seconds=25,
    usual_packages=500,
)
RECIPES = (NODE, HELM, SCORE)


def recipe_of(program: str) -> Recipe | None:
    """The recipe that makes a program; None if no recipe does."""
    return next((each for each in RECIPES if program in each.packages), None)


def requirements(go_mod: str) -> dict[str, str]:
    """Versions that a `go.mod` requires, by module path."""
    return dict(
        re.findall(
            r"^(?:require )?\s*([\w./~-]+\.[\w./~-]+) (v[\w.+-]+)(?: // indirect)?$", go_mod, re.MULTILINE
        )
    )


def version_flags(versions: dict[str, str]) -> list[str]:
    """Linker flags that tell programs their version; a flag for a program that is not linked has no effect."""
    flags = []
    if kubernetes := versions.get("k8s.io/kubernetes"):
        major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
        prefix = "k8s.io/component-base/version."
        stamps = {"gitVersion": kubernetes, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags += [f"-X {prefix}{name}={value}" for name, value in stamps.items()]
    if prometheus := versions.get("github.com/prometheus/prometheus"):
        flags.append(f"-X github.com/prometheus/common/version.Version={prometheus_version(prometheus)}")
    if helm := versions.get("helm.sh/helm/v4"):
        flags.append(f"-X helm.sh/helm/v4/internal/version.version={helm}")
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
    return {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}


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


def _sources(recipe: Recipe) -> dict[str, bytes]:
    """The module's own files; a folder with a `go.mod` is another module."""
    found: dict[str, bytes] = {}
    for path in sorted(recipe.module.rglob("*")):
        inner = any(
            (each / "go.mod").exists()
            for each in path.parents
            if each.is_relative_to(recipe.module) and each != recipe.module
        )
        if path.is_file() and not inner and (path.suffix == ".go" or path.name in {"go.mod", "go.sum"}):
            found[str(path.relative_to(recipe.module))] = path.read_bytes()
    return found


def go_version() -> str:
    """The Go that builds our modules, as `go env` says it.

    Raises:
        ToolError: None, or one that is too old and may not fetch a newer one.
    """
    floor = floor_of((NODE.module / "go.mod").read_text())
    remedy = f"install Go {floor} or newer (https://go.dev/dl/) and put it on PATH"
    command.find("go", remedy=remedy)
    # In the module's folder Go itself compares versions, and fetches a newer toolchain where it may.
    done = command.run(
        ["go", "env", "GOVERSION", "GOOS", "GOARCH"],
        cwd=NODE.module,
        env=environment(),
        check=False,
        show=False,
    )
    if done.status != 0 or not done.stdout.startswith("go"):
        raise ToolError(
            f"expected Go {floor} or newer, found: {done.stderr.strip()}", argv=done.argv, remedy=remedy
        )
    return " ".join(done.stdout.split())


def floor_of(go_mod: str) -> str:
    """The oldest Go that a module accepts."""
    found = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    assert found is not None  # noqa: S101  # every go.mod of ours has the line
    return found[1]


def folder(recipe: Recipe, version: str) -> Path:
    """Where the recipe's programs are, or will be, in the cache."""
    return places.cache() / "bin" / f"{recipe.name}-{key(recipe, version, _sources(recipe))}"


def built(program: str) -> Path | None:
    """The program in the cache; None if it must be built (or there is no Go to say which one is right)."""
    recipe = recipe_of(program)
    if recipe is None:
        return None
    try:
        path = folder(recipe, go_version()) / program
    except ToolError:
        # No Go any more: the newest set that was built is better than nothing.
        sets = (places.cache() / "bin").glob(f"{recipe.name}-*/{program}")
        return max(sets, key=lambda each: each.stat().st_mtime, default=None)
    return path if path.exists() else None


def build(recipe: Recipe, programs: Sequence[str] = (), *, say: Say = _log.info, nice: bool = False) -> Path:
    """Build what is missing of a recipe.

    Args:
        recipe: Which module.
        programs: Which of its programs; all by default.
        say: Takes lines of progress.
        nice: Give way to other work on this machine.

    Returns:
        The folder that holds the programs.

    Raises:
        ToolError: No Go, no download, or the compiler failed.
    """
    version = go_version()
    target = folder(recipe, version)
    wanted = list(programs) or list(recipe.packages)
    with _turn(target.with_name(f".{recipe.name}.lock"), say, recipe):
        missing = [name for name in wanted if not (target / name).exists()]
        if missing:
            _compile(recipe, missing, target, say, nice=nice)
    return target


@contextmanager
def _turn(path: Path, say: Say, recipe: Recipe) -> Iterator[None]:
    """One builder of a recipe at a time; the kernel gives the lock back when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{recipe.name}: waiting for another build of the same programs")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(path.parent, recipe)
        yield


def _sweep(cache: Path, recipe: Recipe) -> None:
    """Throw away what an interrupted build left: we hold the lock, so nobody is using it."""
    for left in cache.glob(f".{recipe.name}-*.partial"):
        shutil.rmtree(left, ignore_errors=True)


def _compile(recipe: Recipe, programs: list[str], target: Path, say: Say, *, nice: bool) -> None:
    began = time.monotonic()
    partial = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-", suffix=".partial", dir=target.parent))
    count = 0
    seen: set[str] = set()

    def line() -> str:
        for path in sorted(partial.iterdir()):
            if path.name not in seen:
                seen.add(path.name)
                say(f"{recipe.name}: {path.name} linked after {time.monotonic() - began:.0f} s")
        return (
            f"{recipe.name}: {time.monotonic() - began:.0f} s (usually {recipe.usual_seconds} s on 2 cores), "
            f"{count} of about {recipe.usual_packages} packages compiled, {len(seen)} of {len(programs)} programs"
        )

    def package(_name: str) -> None:
        nonlocal count
        count += 1

    argv = [
        *(["nice", "-n", "10"] if nice else []),
        "go",
        *arguments(recipe, (recipe.module / "go.mod").read_text()),
        "-o",
        f"{partial}{os.sep}",
        *(recipe.packages[name] for name in programs),
    ]
    say(
        f"{recipe.name}: building {', '.join(programs)}; usually {recipe.usual_seconds} s on 2 cores, less when Go's cache is warm"
    )
    try:
        with Ticker(lambda: say(line()), every_seconds=15):
            _with_retries(argv, recipe, package, say)
        target.mkdir(exist_ok=True)
        for path in partial.iterdir():
            path.replace(target / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"{recipe.name}: {', '.join(programs)} built in {time.monotonic() - began:.0f} s")


def _with_retries(argv: list[str], recipe: Recipe, on_line: Callable[[str], None], say: Say) -> None:
    """Try again where a download failed, and only there."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            command.stream(argv, on_line=on_line, env=environment(), cwd=recipe.module)
        except ToolError as error:
            if attempt == _ATTEMPTS or not _DOWNLOAD.search(error.last_lines):
                raise
            say(
                f"{recipe.name}: a download failed, attempt {attempt} of {_ATTEMPTS}: {error.last_lines.splitlines()[-1]}"
            )
            time.sleep(2**attempt)
        else:
            return
