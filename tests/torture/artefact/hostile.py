"""Two hundred artefacts that somebody made on purpose; their manifests fit their files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import socket
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np


@dataclass(frozen=True)
class Hostile:
    """One artefact.

    Attributes:
        name: What it tries.
        make: Turns a copy of a good artefact into it; gives the folder to read.
    """

    name: str
    make: Callable[[Path], Path]


class _Evil:
    """Pickled, it is a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def hostile(canary: Path) -> list[Hostile]:
    """Every artefact.

    Args:
        canary: File that each piece of code in them would make.
    """
    return [*_pickles(canary), *_types(canary), *_archives(), *_documents(), *_kinds(), *_manifests()]


def refit(folder: Path, **members: Any) -> Path:
    """Make the manifest fit the files."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), **members}
    manifest["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted({path.name for path in folder.iterdir()} - {"manifest.json", "signature.json"})
    }
    path.write_text(json.dumps(manifest, sort_keys=True, indent=1))
    return folder


def _replaced(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return refit(folder)

    return make


def _as_estimator(kind: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "estimator.skops").unlink()
        (folder / f"estimator.{kind}").write_bytes(content)
        return refit(folder, estimator=kind, formats=[kind])

    return make


def _pickles(canary: Path) -> Iterator[Hostile]:
    code = f"open({str(canary)!r}, 'w').close()"
    calls = {
        "exec": _Evil(exec, code),
        "system": _Evil(os.system, f"touch {canary}"),
        "open": _Evil(open, str(canary), "w"),
        "touch": _Evil(Path.touch, canary),
    }
    for call, evil in calls.items():
        for protocol in range(6):
            content = pickle.dumps(evil, protocol)
            for kind in ("pickle", "joblib"):
                yield Hostile(f"{call} by {kind} {protocol}", _as_estimator(kind, content))
        content = pickle.dumps(evil)
        for name in ("estimator.skops", "estimator.onnx", "schema.json", "golden.json"):
            yield Hostile(f"{call} as {name}", _replaced(name, content))
        for compress in ("zlib", "gzip", "bz2"):
            packed = io.BytesIO()
            joblib.dump(evil, packed, compress=(compress, 3))
            yield Hostile(f"{call} by joblib {compress}", _as_estimator("joblib", packed.getvalue()))
        array = io.BytesIO()
        np.save(array, np.array([evil], dtype=object), allow_pickle=True)
        node = {**_node("numpy", "ndarray", "NdArrayNode"), "type": "numpy", "file": "0.npy"}
        yield Hostile(f"{call} in an array", _skops(node, {"0.npy": array.getvalue()}))


def _node(module: str, name: str, loader: str, content: Any = None) -> dict[str, Any]:
    return {"__module__": module, "__class__": name, "__loader__": loader, "content": content, "__id__": 1}


def _json(value: Any) -> dict[str, Any]:
    return {
        **_node("builtins", type(value).__name__, "JsonNode"),
        "content": json.dumps(value),
        "is_json": True,
    }


def _list(*parts: Any) -> dict[str, Any]:
    return _node("builtins", "tuple", "TupleNode", list(parts))


def _types(canary: Path) -> Iterator[Hostile]:
    code = f"open({str(canary)!r}, 'w').close()"
    functions = [
        ("builtins", "exec"), ("builtins", "eval"), ("builtins", "open"), ("builtins", "getattr"),
        ("builtins", "__import__"), ("os", "system"), ("posix", "system"), ("subprocess", "Popen"),
        ("numpy.testing._private.utils", "runstring"), ("numpy", "load"), ("numpy.f2py", "compile"),
        ("sklearn.utils._testing", "os.system"), ("sklearn.datasets", "load_svmlight_file"),
        ("joblib.numpy_pickle", "load"), ("pickle", "loads"), ("sklearn", "os.system"),
    ]  # fmt: skip
    for module, name in functions:
        function = _node(module, name, "FunctionNode")
        call = {"func": function, "args": _list(_json(code)), "kwds": _json({}), "namespace": _json(None)}
        yield Hostile(f"{module}.{name} as a function", _skops(function))
        yield Hostile(f"{module}.{name} as a type", _skops(_node(module, name, "TypeNode")))
        yield Hostile(
            f"{module}.{name} in a partial", _skops(_node("functools", "partial", "PartialNode", call))
        )
        made = _node(module, name, "ConstructorFromReduceNode", _list(_json(code)))
        yield Hostile(f"{module}.{name} called", _skops(made))
        reduced = {**_node(module, name, "LossNode", _json({})), "__reduce__": {"args": _list(_json(code))}}
        yield Hostile(f"{module}.{name} as a loss", _skops(reduced))
    owner = _node("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode")
    method = {"func": "__init__.__globals__", "obj": owner}
    yield Hostile("a method", _skops(_node(owner["__module__"], owner["__class__"], "MethodNode", method)))
    yield Hostile(
        "an operator", _skops(_node("operator", "attrgetter", "OperatorFuncNode", _list(_json("x"))))
    )
    yield Hostile("an unknown loader", _skops(_node("builtins", "dict", "os.system")))
    yield Hostile("a plain object", _skops(_node("builtins", "object", "ObjectNode")))


def _skops(document: Any, files: dict[str, bytes] | None = None, **how: Any) -> Callable[[Path], Path]:
    content = document if isinstance(document, bytes) else json.dumps({**document, "protocol": 2}).encode()
    return _replaced("estimator.skops", _zipped({"schema.json": content, **(files or {})}, **how))


def _zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def _header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _archives() -> Iterator[Hostile]:
    plain = _json({})
    zeros = bytes(50_000_000)
    array = {**_node("numpy", "ndarray", "NdArrayNode"), "type": "numpy", "file": "0.npy"}
    matrix = {**_node("scipy.sparse", "csr_matrix", "SparseMatrixNode"), "type": "scipy", "file": "0.npz"}
    yield Hostile("a zip bomb", _skops(plain, {"0.npy": zeros}, compression=zipfile.ZIP_DEFLATED))
    yield Hostile("a bz2 bomb", _skops(plain, {"0.npy": zeros}, compression=zipfile.ZIP_BZIP2))
    bomb = _zipped({"data.npy": _header((1 << 27,)) + zeros}, zipfile.ZIP_DEFLATED)
    yield Hostile("a bomb in a matrix", _skops(matrix, {"0.npz": bomb}))
    for shape in ((1 << 40,), (1 << 20, 1 << 20), (1 << 62,), (-1,), (3,), (1 << 80,)):
        yield Hostile(f"an array of {shape}", _skops(array, {"0.npy": _header(shape)}))
    for kind in ("|O", "<U1000000000", "|V99999999"):
        yield Hostile(f"an array of {kind}", _skops(array, {"0.npy": _header((1 << 20,), kind)}))
    for name in ("../0.npy", "/etc/passwd", "a/../../0.npy", "0.npy\x00.npy", "C:\\0.npy", "0.NPY/"):
        yield Hostile(f"an entry {name!r}", _skops(plain, {name: b"x"}))
    whole = _zipped({"schema.json": b"{}", "0.npy": b"x" * 100})
    yield Hostile("an entry twice", _replaced("estimator.skops", whole + whole))
    lying = whole.replace(struct.pack("<I", 100), struct.pack("<I", 0xFFFFFFF0))
    yield Hostile("an entry that lies of its size", _replaced("estimator.skops", lying))
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield Hostile("a deep skops document", _skops(deep))
    nested: Any = _json({})
    for _ in range(300):
        nested = _node("builtins", "list", "ListNode", [nested])
    yield Hostile("a document as deep as JSON allows", _skops(nested))
    yield Hostile("a skops document with a member twice", _skops(b'{"protocol": 2, "protocol": 1}'))
    external = zlib.decompress(zlib.compress(b"\x08\x0a:\x10\n\x0e/etc/passwd"))
    yield Hostile("a graph of something else", _replaced("estimator.onnx", external))


def _documents() -> Iterator[Hostile]:
    texts = {
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"format":' * 100_000,
        "a member twice": b'{"format": 3, "format": 2}',
        "NaN": b'{"format": NaN}',
        "a number of a million digits": b'{"format": ' + b"9" * 1_000_000 + b"}",
        "utf-16": '{"format": 3}'.encode("utf-16"),
        "a byte order mark": b'\xef\xbb\xbf{"format": 3}',
        "half a character": b'{"format": "\xf0\x9f"}',
    }
    for what, text in texts.items():
        for name in ("schema.json", "golden.json"):
            yield Hostile(f"{what} in {name}", _replaced(name, text))

        def manifest(folder: Path, text: bytes = text) -> Path:
            (folder / "manifest.json").write_bytes(text)
            return folder

        yield Hostile(f"{what} in manifest.json", manifest)


def _kinds() -> Iterator[Hostile]:
    def instead(folder: Path, make: Callable[[Path], object]) -> Path:
        path = folder / "card.json"
        content = path.read_bytes()
        folder.with_name("outside").write_bytes(content)
        path.unlink()
        make(path)
        return folder

    outside = "../outside"
    kinds: dict[str, Callable[[Path], object]] = {
        "a symbolic link": lambda path: path.symlink_to(outside),
        "a link to a device": lambda path: path.symlink_to("/dev/zero"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "another file by a hard link": lambda path: path.hardlink_to(path.with_name("schema.json")),
        "a fifo": os.mkfifo,
        "a folder": Path.mkdir,
        "a socket": _socket,
        "a device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
    }
    if os.geteuid() != 0:
        del kinds["a device"]
    for what, make in kinds.items():
        yield Hostile(what, partial(instead, make=make))

    def linked(folder: Path) -> Path:
        folder.rename(folder.with_name("elsewhere"))
        folder.symlink_to("elsewhere")
        return folder

    def sparse(folder: Path) -> Path:
        with (folder / "golden.json").open("wb") as file:
            file.truncate(1 << 40)
        return folder

    yield Hostile("a folder that is a link", linked)
    yield Hostile("a terabyte of nothing", sparse)


def _socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # an address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def _manifests() -> Iterator[Hostile]:
    members: list[dict[str, Any]] = [
        {"format": 1}, {"format": 0}, {"format": 99}, {"format": "3"}, {"format": 3.0}, {"format": None},
        {"name": "../x"}, {"name": "A"}, {"name": ""}, {"forms": []}, {"forms": ["onnx"]},
        {"forms": {"onnx": 1}},
        {"predictor": "treelite"}, {"predictor": []}, {"formats": ["skops", "skops"]}, {"estimator": "onnx"},
        {"versions": None}, {"versions": {}},
    ]  # fmt: skip
    for each in members:
        yield Hostile(f"a manifest with {each}", partial(refit, **each))
    for name in ("../card.json", "/etc/passwd", "CARD.JSON", "card.json/", "./card.json", "card.json\x00"):

        def path(folder: Path, name: str = name) -> Path:
            found = json.loads((folder / "manifest.json").read_text())
            found["files"][name] = found["files"].pop("card.json")
            (folder / "manifest.json").write_text(json.dumps(found))
            return folder

        yield Hostile(f"a manifest of {name!r}", path)
