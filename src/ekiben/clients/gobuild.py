"""Programs built from their pinned Go modules into ekiben's cache, each set once per hash of its sources.

A program appears whole or not at all; a build that was interrupted is taken up again by Go's own cache.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ekiben.clients import command, locks, places
from ekiben.clients.progress import Ticker
from ekiben.clients.recipes import NODE, Recipe, arguments, environment, floor_of, key, recipe_of
from ekiben.errors import ToolError

_log = logging.getLogger(__name__)
Say = Callable[[str], None]

_DOWNLOAD = re.compile(
    r"dial tcp|i/o timeout|connection re(set|fused)|unexpected EOF|TLS handshake|no such host|proxyconnect"
    r"|50[0234] |stream error|server misbehaving",
    re.IGNORECASE,
)
_ATTEMPTS = 3


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


def folder(recipe: Recipe, version: str) -> Path:
    """Where the recipe's programs are, or will be, in the cache."""
    return places.cache() / "bin" / f"{recipe.name}-{key(recipe, version, _sources(recipe))}"


def module_folder(recipe: Recipe, path: str) -> Path:
    """Where Go keeps the sources of a module that a recipe requires; fetched first if it must be.

    Raises:
        ToolError: No Go, or no download.
    """
    for argv in (["go", "mod", "download", path], ["go", "list", "-m", "-f", "{{.Dir}}", path]):
        done = command.run(argv, cwd=recipe.module, env=environment(), show=False)
    return Path(done.stdout.strip())


def built(program: str) -> Path | None:
    """The program in the cache; None if it must be built."""
    recipe = recipe_of(program)
    found = None if recipe is None else built_set(recipe, [program])
    return None if found is None else found / program


def built_set(recipe: Recipe, programs: Sequence[str] = ()) -> Path | None:
    """The folder that holds programs of a recipe (all by default); None if one of them must be built."""
    wanted = list(programs) or list(recipe.packages)
    try:
        sets = [folder(recipe, go_version())]
    except ToolError:
        # No Go any more: the newest set that was built is better than nothing.
        every = (places.cache() / "bin").glob(f"{recipe.name}-*")
        sets = sorted(every, key=lambda each: each.stat().st_mtime, reverse=True)
    return next((each for each in sets if all((each / name).exists() for name in wanted)), None)


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
    lock = target.with_name(f".{recipe.name}.lock")
    with locks.alone(lock, lambda: say(f"{recipe.name}: waiting for another build of the same programs")):
        _sweep(target.parent, recipe)
        missing = [name for name in wanted if not (target / name).exists()]
        if missing:
            _compile(recipe, missing, target, say, nice=nice)
    return target


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
            f"{count} of about {recipe.usual_packages} packages compiled, "
            f"{len(seen)} of {len(programs)} linked"
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
        f"{recipe.name}: building {', '.join(programs)}; usually {recipe.usual_seconds} s on 2 cores, "
        "less when Go's cache is warm"
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
                f"{recipe.name}: a download failed, attempt {attempt} of {_ATTEMPTS}: "
                f"{error.last_lines.splitlines()[-1]}"
            )
            time.sleep(2**attempt)
        else:
            return
