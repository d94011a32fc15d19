"""The programs that ekiben drives."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ekiben.clients import recipes, tools
from ekiben.errors import ConfigError, ToolError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path / "cache"))
    return folder


def _program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v4.3.1", (4, 3, 1)),
        ("v3.14.0+g3fc9f4b", (3, 14, 0)),
        ("Client Version: v1.35.4\nKustomize Version: v5.7.1", (1, 35, 4)),
        ("promtool, version 3.11.3 (branch: , revision: unknown)", (3, 11, 3)),
        ("buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)", (1, 28, 2)),
        ("mmdebstrap 1.3.5", (1, 3, 5)),
        ("kube-score version: 1.20, commit: x", (1, 20, 0)),
        ("development", None),
    ],
)
def test_a_version_is_read_from_what_programs_print(text: str, version: tuple[int, ...] | None) -> None:
    """Real output of each program."""
    assert tools.version_in(text) == version


def test_a_fitting_program_on_path_is_taken(path: Path) -> None:
    """What the user installed wins."""
    _program(path / "helm", "v3.20.1")
    assert tools.find("helm") == path / "helm"


def test_an_old_program_on_path_is_passed_over_and_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Below the floor, ekiben takes its own; the log says why."""
    _program(path / "helm", "v3.13.9")
    ours = path.parent / "cache" / "bin" / "node-0123456789abcdef"
    _program(ours / "helm", "v4.3.1")
    monkeypatch.setattr(logging.getLogger("ekiben"), "level", logging.INFO)
    with caplog.at_level(logging.INFO):
        assert tools.find("helm") == ours / "helm"
    assert "older than 3.14" in caplog.text


def test_without_go_the_newest_built_set_serves(path: Path) -> None:
    """Cached programs outlive the compiler."""
    import os

    for age, name in enumerate(("node-aaaaaaaaaaaaaaaa", "node-bbbbbbbbbbbbbbbb")):
        folder = path.parent / "cache" / "bin" / name
        _program(folder / "helm", "v4.3.1")
        os.utime(folder, (1000 - age, 1000 - age))
    assert tools.find("helm").parent.name == "node-aaaaaaaaaaaaaaaa"


@pytest.mark.parametrize("program", ["helm", "promtool", "kubectl", "kubeconform", "kube-score"])
def test_a_program_that_cannot_be_had_says_both_ways_to_get_it(path: Path, program: str) -> None:
    """Neither on PATH, nor built, nor Go: what to install."""
    assert not list(path.iterdir())
    with pytest.raises(ToolError, match=f"{program} .*or newer on PATH, or Go") as caught:
        tools.find(program)
    assert f"install {program}" in caught.value.remedy
    assert "go.dev" in caught.value.remedy


def test_a_debian_program_names_the_package_to_install(path: Path) -> None:
    """No Debian here: the remedy is the command."""
    assert not list(path.iterdir())
    with pytest.raises(ToolError, match="buildah") as caught:
        tools.find("buildah")
    assert caught.value.remedy == "apt-get install --no-install-recommends buildah"


def test_an_unknown_program_is_a_usage_error() -> None:
    """Only tools that are pinned can be found."""
    with pytest.raises(ConfigError, match="expected one of helm"):
        tools.find("rm")


def test_every_tool_has_one_source() -> None:
    """A tool is either a Debian package or has a recipe; and ours are new enough for ourselves."""
    for name, tool in tools.TOOLS.items():
        assert bool(tool.package) != (recipes.recipe_of(name) is not None)
    pinned = {
        name: version
        for recipe in recipes.RECIPES
        for name, version in recipes.requirements((recipe.module / "go.mod").read_text()).items()
    }
    assert tools.fits(pinned["helm.sh/helm/v4"], tools.TOOLS["helm"].floor)
    assert tools.fits(pinned["k8s.io/kubernetes"], tools.TOOLS["kubectl"].floor)
