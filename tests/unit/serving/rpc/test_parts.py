"""Parts of the room that need no port: statuses, addresses, what protoc wrote."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from tests.serving.rpc import MODEL, SCHEMA

from ekiben.serving.protocols import signature
from ekiben.serving.rpc import calls, service, status
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.infer import Infer
from ekiben.serving.rpc.service import Service
from ekiben.serving.validation import Validator

ROOM = Path(status.__file__).parent


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:10.0.0.1:4000", "10.0.0.1"),
        ("ipv6:%5Bfe80::1%5D:4000", "fe80::1"),
        ("ipv6:[::ffff:10.0.0.1]:4000", "::ffff:10.0.0.1"),
        ("unix:", "unix"),
        ("", ""),
    ],
)
def test_the_address_of_a_peer_has_no_port(peer: str, expected: str) -> None:
    """A caller's rate must not depend on which connection it uses."""
    assert calls.address(peer) == expected


def test_a_status_that_nobody_knows_is_the_servers_fault() -> None:
    """Nothing is answered OK by mistake."""
    assert status.code(599) is grpc.StatusCode.INTERNAL
    assert status.code(408) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert status.code(499) is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize(("body", "expected"), [(b"ab", "ab"), (b"\xc3\xa4" * 2_000, "ä" * 1_024)])
def test_the_text_of_a_status_is_cut_between_characters(body: bytes, expected: str) -> None:
    """At 2,048 bytes."""
    assert status.detail(body) == expected


def test_every_method_of_the_protocol_is_there() -> None:
    """The names are those of the .proto, and the templates their paths."""

    class Ready:
        ready, draining = True, False

    tensors = signature.of(SCHEMA)
    methods = Service(MODEL, tensors, Ready(), "1").methods(Infer(MODEL, tensors, Validator(SCHEMA, 10)))
    assert set(methods) == set(pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name)
    assert {each.template for each in methods.values()} == {f"/{service.SERVICE}/{name}" for name in methods}


def test_another_copy_of_the_protocol_may_live_in_the_process() -> None:
    """A client library that registers the same names in the shared pool collides with nothing."""
    assert pb.DESCRIPTOR.pool is not descriptor_pool.Default()
    other = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(other)
    other.name = "grpc_service.proto"  # as Triton's client has it
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
    assert pb.ModelInferRequest(model_name="a").SerializeToString() == b"\x0a\x01a"


def test_the_server_needs_neither_the_compiler_nor_the_operators_side() -> None:
    """What the port loads is grpcio and protobuf, also where the compiler is not installed."""
    program = (
        "import sys; sys.modules['grpc_tools'] = None; import ekiben.serving.rpc.server; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {each.split(".")[0] for each in done.stdout.split()}
    found = loaded & {"kubernetes", "typer", "rich", "aiohttp", "sklearn", "pandas", "bentoml"}
    assert found == set()


@pytest.mark.parametrize("name", ["open_inference_grpc", "health"])
def test_protos_keep_their_licences(name: str) -> None:
    """Both are other people's work under the Apache License."""
    head = (ROOM / "proto" / f"{name}.proto").read_text(encoding="utf-8")[:600]
    assert "Licensed under the Apache License, Version 2.0" in head


def test_every_test_that_the_document_names_exists() -> None:
    """The table of the protocol's sentences points at what is there."""
    root = Path(__file__).parents[4]
    named = set(
        re.findall(r"`(test_\w+)`", (root / "docs" / "protocols-grpc.md").read_text(encoding="utf-8"))
    )
    there = {
        name
        for path in (
            *(root / "tests" / "serving").glob("test_rpc*.py"),
            *Path(__file__).parent.glob("test_*.py"),
        )
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert named - there == set()
