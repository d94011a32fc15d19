"""The load test's program as one zip that Python imports from: small enough for a ConfigMap.

The image that the Job runs has the pod's half of ekiben; the load test is not in it, and may be of another
version. So the archive holds every module of ekiben that the program can reach, and comes first on the path:
of the image nothing but its libraries is used.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import ekiben
from ekiben.errors import ConfigError

ENTRY = "ekiben.scale.job"
_TOP = "ekiben"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows: same sources, same bytes
_MODE = 0o644 << 16


def build(entry: str = f"{ENTRY}.__main__") -> bytes:
    """Make the archive.

    Args:
        entry: Module that is run.

    Returns:
        The same bytes for the same sources.

    Raises:
        ConfigError: A module's source is missing, e.g. because it was installed without it.
    """
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in sorted(_files(modules(entry)).items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _MODE, 3
            archive.writestr(info, path.read_bytes())
    return held.getvalue()


def modules(entry: str) -> dict[str, Path]:
    """Every module of ekiben that one can import, also late, with the packages that hold it.

    Args:
        entry: Its name.
    """
    found: dict[str, Path] = {}
    left = [entry]
    while left:
        name = left.pop()
        if name in found:
            continue
        path = _source(name)
        if path is None:
            raise ConfigError(
                f"expected the source of {name} beside ekiben's own, found none",
                remedy="install ekiben from its wheel or a clone",
            )
        found[name] = path
        left += [name.rpartition(".")[0]] if "." in name else []
        left += imports(path)
    return found


def imports(path: Path) -> list[str]:
    """Modules of ekiben that a source file imports, at its top or in a function, but not for types alone.

    Args:
        path: The file.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [name for node in _run(tree) for name in _imported(node)]


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _run(other)
            continue
        yield child
        yield from _run(child)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name.partition(".")[0] == _TOP)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _TOP:
        module = str(node.module)
        yield module
        below = (f"{module}.{one.name}" for one in node.names)
        yield from (name for name in below if _source(name) is not None)


def _source(name: str) -> Path | None:
    """The file of a module or package; None if there is none of that name."""
    place = Path(ekiben.__file__).parents[1].joinpath(*name.split("."))
    return next((one for one in (place / "__init__.py", place.with_suffix(".py")) if one.is_file()), None)


def _files(found: Mapping[str, Path]) -> dict[str, Path]:
    root = Path(ekiben.__file__).parents[1]
    return {path.relative_to(root).as_posix(): path for path in found.values()}
