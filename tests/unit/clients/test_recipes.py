"""How Go programs are made, and the key of what was made."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ekiben.clients import debian, gobuild, locks, recipes

GO_MOD = b"""\
module x

go 1.26.4

require k8s.io/kubernetes v1.35.4
require (
\tgithub.com/prometheus/prometheus v0.311.3
\tgopkg.in/inf.v0 v0.9.1 // indirect
\tk8s.io/api v0.36.1 // indirect
)

replace (
\tk8s.io/api => k8s.io/api v0.35.4
)

replace github.com/prometheus/prometheus => github.com/prometheus/prometheus v0.309.1
"""
SOURCES = {"go.mod": GO_MOD, "go.sum": b"s", "pause/main.go": b"package main"}


def test_required_versions_are_read_from_go_mod() -> None:
    """One line or a block, direct or not; what is built is what replaces."""
    assert recipes.requirements(GO_MOD.decode()) == {
        "k8s.io/kubernetes": "v1.35.4",
        "github.com/prometheus/prometheus": "v0.309.1",
        "gopkg.in/inf.v0": "v0.9.1",
        "k8s.io/api": "v0.35.4",
    }
    assert recipes.floor_of(GO_MOD.decode()) == "1.26.4"


@pytest.mark.parametrize(
    ("module", "version"), [("v0.311.3", "3.11.3"), ("v0.300.0", "3.0.0"), ("v0.54.1", "0.54.1")]
)
def test_prometheus_says_its_version_not_its_modules(module: str, version: str) -> None:
    """v0.3YY.Z is release 3.YY.Z, as its README says."""
    assert recipes.prometheus_version(module) == version


def test_programs_know_their_versions() -> None:
    """Kubernetes' clients and servers compare versions, so an unset one would not do."""
    flags = recipes.version_flags(recipes.requirements(GO_MOD.decode()))
    assert "-X k8s.io/component-base/version.gitVersion=v1.35.4" in flags
    assert "-X k8s.io/component-base/version.gitMinor=35" in flags
    assert "-X github.com/prometheus/common/version.Version=3.9.1" in flags


def test_the_key_changes_with_everything_that_the_result_depends_on() -> None:
    """Sources, sums, Go, flags and packages; and with nothing else."""
    first = recipes.key(recipes.NODE, "go1.26.8 linux amd64", SOURCES)
    assert first == recipes.key(recipes.NODE, "go1.26.8 linux amd64", dict(reversed(SOURCES.items())))
    others = {
        recipes.key(recipes.NODE, "go1.26.9 linux amd64", SOURCES),
        recipes.key(recipes.NODE, "go1.26.8 linux amd64", {**SOURCES, "go.sum": b"t"}),
        recipes.key(recipes.NODE, "go1.26.8 linux amd64", {**SOURCES, "more.go": b""}),
        recipes.key(replace(recipes.NODE, tags="other"), "go1.26.8 linux amd64", SOURCES),
        recipes.key(replace(recipes.NODE, packages={"pause": "./pause"}), "go1.26.8 linux amd64", SOURCES),
    }
    assert len({first, *others}) == 6


def test_a_module_inside_another_is_not_its_source() -> None:
    """Helm's versions may change without building Kubernetes again."""
    found = gobuild._sources(recipes.NODE)
    assert {"go.mod", "go.sum", "coredns/main.go", "metrics-server/main.go", "pause/main.go"} == set(found)


@pytest.mark.parametrize("recipe", recipes.RECIPES, ids=lambda recipe: recipe.name)
def test_every_module_is_pinned_with_sums(recipe: recipes.Recipe) -> None:
    """A committed go.sum for each, and a program from one recipe only."""
    sums = (recipe.module / "go.sum").read_text()
    for path, version in recipes.requirements((recipe.module / "go.mod").read_text()).items():
        assert f"{path} {version}" in sums
    for name in recipe.packages:
        assert recipes.recipe_of(name) is recipe


def test_a_listing_of_dpkg_tells_what_is_missing() -> None:
    """Half-installed, removed and unknown packages are missing."""
    listing = "iptables installed\niproute2 half-installed\nbuildah config-files\n"
    assert debian.not_installed(["iptables", "iproute2", "buildah", "skopeo"], listing) == [
        "iproute2",
        "buildah",
        "skopeo",
    ]


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ('go: x@v1: Get "https://proxy/x": dial tcp: i/o timeout', True),
        ("read tcp 10.0.0.1: connection reset by peer", True),
        ("reading https://proxy/x.zip: 503 Service Unavailable", True),
        ("./main.go:5:2: undefined: foo", False),
        ("go: updates to go.mod needed", False),
    ],
)
def test_only_a_failed_download_is_tried_again(text: str, again: bool) -> None:
    """A compiler error stays an error."""
    assert bool(gobuild._DOWNLOAD.search(text)) is again


def test_an_interrupted_build_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed build left is swept away by the next, and never taken for a program."""
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path))
    left = tmp_path / "bin" / ".score-x.partial"
    left.mkdir(parents=True)
    (left / "kube-score").touch()
    monkeypatch.setattr(gobuild, "go_version", lambda: "go1.26.8 linux amd64")
    assert gobuild.built("kube-score") is None
    gobuild._sweep(tmp_path / "bin", recipes.SCORE)
    assert not left.exists()


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    """The second waits, says so once, and goes on when the first has ended."""
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with locks.alone(tmp_path / "x" / "lock", lambda: said.append("waiting")):
            order.append("second")

    thread = threading.Thread(target=second)
    with locks.alone(tmp_path / "x" / "lock", lambda: said.append("never")):
        thread.start()
        deadline = time.monotonic() + 2
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        order.append("first")
    thread.join(2)
    assert said == ["waiting"]
    assert order == ["first", "second"]
