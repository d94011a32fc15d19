"""The pod's program as its image runs it: a process of its own, from the archive, against a real server."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.scale import rpc
from tests.unit.scale.conftest import Service
from tests.unit.scale.job.conftest import BODY, command

from ekiben.errors import ClusterError
from ekiben.scale.job import __main__ as inside
from ekiben.scale.job import description, lines
from ekiben.scale.job.description import Description
from ekiben.scale.load.measurement import LoadMeasurement
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

RIGHT = Expected(("setosa",), ((0.9, 0.1),))


def _described(url: str, seconds: float = 0.6, **fields: Any) -> Description:
    target = LoadTarget(url, (BODY,), (RIGHT,), **fields)
    return Description(target, Load((Segment(100, seconds),), "constant"), 7)


def _start(program: Path, site: Path, folder: Path, told: Description) -> subprocess.Popen[str]:
    (folder / description.FILE).write_text(description.write(told))
    headers = description.headers(told)
    words = [str(folder)]
    if headers:
        (folder / "headers").write_text(headers)
        words.append(str(folder / "headers"))
    argv, environment = command(program, site, *words)
    return subprocess.Popen(argv, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _run(program: Path, site: Path, folder: Path, told: Description) -> tuple[int, list[Any]]:
    with _start(program, site, folder, told) as process:
        out, err = process.communicate(timeout=30)
    assert err == ""
    return process.returncode, [lines.read(line) for line in out.splitlines()]


def test_it_sends_the_load_and_says_what_it_measured(
    program: Path, site: Path, tmp_path: Path, service: Service
) -> None:
    """The server counts the scheduled requests, each with the key; the last line has the same answers."""
    told = _described(service.url, headers={"X-API-Key": "s3cret"})
    status, said = _run(program, site, tmp_path, told)
    assert status == 0
    assert (len(service.bodies), set(service.bodies)) == (60, {BODY})
    assert {headers["x-api-key"] for headers in service.headers} == {"s3cret"}
    *steps, measured = said
    assert isinstance(measured, LoadMeasurement)
    assert (measured.planned, measured.ok, measured.failed, measured.seed) == (60, 60, 0, 7)
    assert steps
    assert all(isinstance(one, Progress) for one in steps)
    assert steps[-1].ok == 60


def test_several_senders_share_the_load_there_too(
    program: Path, site: Path, tmp_path: Path, service: Service
) -> None:
    """Processes that import from the archive again: the same 60 requests, each once, and one measurement."""
    told = replace(_described(service.url, connections=1), senders=2)
    status, said = _run(program, site, tmp_path, told)
    assert status == 0
    assert len(service.bodies) == 60
    assert isinstance(said[-1], LoadMeasurement)
    assert (said[-1].planned, said[-1].ok, said[-1].failed) == (60, 60, 0)
    assert said[-1].connections >= 2  # each has its own


def test_the_other_protocol_is_spoken_there_too(program: Path, site: Path, tmp_path: Path) -> None:
    """Messages as they are, the key as metadata, answers read by what the archive has of the pod's half."""
    with rpc.running() as service:
        told = _described(service.url, protocol="grpc", headers={"X-API-Key": "s3cret"})
        told = replace(told, target=replace(told.target, bodies=(b"\x0a\x04iris",)))
        status, said = _run(program, site, tmp_path, told)
    assert status == 0
    assert (len(service.bodies), set(service.bodies)) == (60, {b"\x0a\x04iris"})
    assert {found["x-api-key"] for found in service.metadata} == {"s3cret"}
    assert (said[-1].ok, said[-1].failed, said[-1].statuses) == (60, 0, {200: 60})


def test_a_wrong_answer_is_counted_there_as_here(
    program: Path, site: Path, tmp_path: Path, service: Service
) -> None:
    """The checks travel: an answer of another label is failed."""
    service.answer = {"predictions": ["virginica"], "probabilities": [[0.9, 0.1]]}
    status, said = _run(program, site, tmp_path, _described(service.url, 0.1))
    assert (status, said[-1].outcomes["wrong_answer"]) == (0, 10)


def test_an_address_that_may_not_be_loaded_is_refused_there_too(
    program: Path, site: Path, tmp_path: Path
) -> None:
    """The guard of the target runs where the load is sent, and its words come back."""
    status, said = _run(program, site, tmp_path, _described("http://192.0.2.1/predict"))
    assert status == 2
    assert [type(one) for one in said] == [lines.Refusal]
    assert (said[0].kind, "loopback" in said[0].message) == ("ConfigError", True)


def test_a_pod_that_is_told_to_end_gives_no_measurement(
    program: Path, site: Path, tmp_path: Path, service: Service
) -> None:
    """SIGTERM in the middle of a load: it says so at once and ends with 143."""
    with _start(program, site, tmp_path, _described(service.url, 30)) as process:
        assert process.stdout is not None
        first = lines.read(process.stdout.readline())
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said = [lines.read(line) for line in process.stdout.read().splitlines()]
        assert process.wait(10) == 143
    assert isinstance(first, Progress)
    assert time.monotonic() - began < 10  # not the 30 s of the load
    [found] = [one for one in said if isinstance(one, lines.Refusal)]
    assert "told to end" in found.message
    assert not [one for one in said if isinstance(one, LoadMeasurement)]


def test_a_port_where_nobody_listens_is_an_error_not_a_measurement(free_port: int) -> None:
    """A policy in the way would else read as a service that fails every request."""
    told = _described(f"http://127.0.0.1:{free_port}/predict")
    with pytest.raises(ClusterError, match="to take a connection") as error:
        inside.reach(told.target, within_seconds=0.0)
    assert "ekiben.dev/caller" in error.value.remedy
