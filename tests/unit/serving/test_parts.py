"""The small parts of a pod: settings, threads, receipt, connections, schema, drain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ekiben.errors import ConfigError
from ekiben.serving import threads
from ekiben.serving.life import Life
from ekiben.serving.problem import body, pointer
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.settings import Settings

SCHEMA = Schema((Input("a", "float64", 0, 1), Input("b", "string", categories=("x",))), Output("regression"))


def test_settings_have_defaults() -> None:
    """Only the artefact must be given."""
    found = Settings.read({"EKIBEN_ARTEFACT": "/model"})
    assert found == Settings(Path("/model"))
    assert (found.http_port, found.grpc_port, found.metrics_port, found.drain_seconds) == (
        3000,
        3001,
        3002,
        10,
    )


def test_settings_are_read() -> None:
    """Each variable reaches its field."""
    found = Settings.read(
        {
            "EKIBEN_ARTEFACT": "/m",
            "EKIBEN_BENTO": "/b",
            "EKIBEN_PREDICTOR": "folded",
            "EKIBEN_HOST": "::1",
            "EKIBEN_MOST_ROWS": "5",
            "EKIBEN_DRAIN_SECONDS": "0.5",
            "EKIBEN_LOG_SAMPLE_RATIO": "0.25",
            "EKIBEN_LOG_LINES_PER_SECOND": "7",
            "EKIBEN_OBJECTIVE_SECONDS": "0.02, 0.3",
            "EKIBEN_RECHECK_SECONDS": "0.5",
        }
    )
    assert (found.log_lines_per_second, found.recheck_seconds) == (7, 0.5)
    assert (found.log_sample_ratio, found.objective_seconds) == (0.25, (0.02, 0.3))
    assert (found.bento, found.host, found.most_rows, found.drain_seconds) == (Path("/b"), "::1", 5, 0.5)
    assert found.predictor == "folded"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "0"), ("HTTP_PORT", "http"), ("METRICS_PORT", "65536"), ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "nan"), ("DRAIN_SECONDS", "inf"), ("MOST_ROWS", "1.5"),
        ("REQUEST_TIMEOUT_SECONDS", "0"), ("PREDICTOR", "treelite"), ("PREDICTOR", "ONNX"),
        ("LOG_SAMPLE_RATIO", "1.1"), ("LOG_LINES_PER_SECOND", "-1"), ("LOG_LINES_PER_SECOND", "0.5"),
        ("OBJECTIVE_SECONDS", "0.1,0"), ("OBJECTIVE_SECONDS", "0.1,,0.2"),
        ("RECHECK_SECONDS", "-1"), ("RECHECK_SECONDS", "86401"), ("WORKERS", "0"), ("WORKERS", "65"),
        ("WORKERS", "1.5"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(name: str, value: str) -> None:
    """A value that is no number, or out of bounds, is refused with its variable's name."""
    with pytest.raises(ConfigError, match=f"EKIBEN_{name}"):
        Settings.read({"EKIBEN_ARTEFACT": "/m", f"EKIBEN_{name}": value})


def test_the_artefact_must_be_named() -> None:
    """Without it there is nothing to serve."""
    with pytest.raises(ConfigError, match="EKIBEN_ARTEFACT"):
        Settings.read({})


@pytest.mark.parametrize(
    ("files", "cores", "workers", "count"),
    [
        ({"cpu.max": "25000 100000"}, 0.25, 1, "1"),
        ({"cpu.max": "max 100000"}, None, 1, "1"),
        ({"cpu.max": "350000 100000"}, 3.5, 1, "3"),
        ({"cpu.max": "300000 100000"}, 3.0, 2, "1"),
        ({"cpu.max": "600000 100000"}, 6.0, 2, "3"),
        ({"cpu.max": "200000 100000"}, 2.0, 4, "1"),
        ({"cpu/cpu.cfs_quota_us": "1250\n", "cpu/cpu.cfs_period_us": "5000\n"}, 0.25, 1, "1"),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, 1, "1"),
        ({}, None, 1, "1"),
    ],
)
def test_threads_follow_the_quota(
    tmp_path: Path, files: dict[str, str], cores: float | None, workers: int, count: str
) -> None:
    """Both cgroup versions are read; workers share the cores; less than one, or no quota, is one thread."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    environment = {"MKL_NUM_THREADS": "7"}
    assert threads.cores(tmp_path, tmp_path / "none") == cores
    threads.limit(environment, workers, tmp_path, tmp_path / "none")
    assert environment == {**dict.fromkeys(threads.VARIABLES, count), "MKL_NUM_THREADS": "7"}


@pytest.mark.parametrize(
    ("lines", "quotas", "cores"),
    [
        # Version 2 outside of a container: the smallest quota on the way down.
        ("0::/kubepods/pod7/c1\n", {"kubepods": "400000", "kubepods/pod7": "150000"}, 1.5),
        ("0::/kubepods/pod7/c1\n", {"kubepods/pod7": "300000", "kubepods/pod7/c1": "250000"}, 2.5),
        ("0::/other\n", {"kubepods": "400000"}, None),
        # Version 1: by controller; "cpuset" is another one, and so is that of version 2 beside it.
        ("4:cpuset:/a\n3:cpu,cpuacct:/b\n0::/a\n", {"cpu/a": "100000", "cpu/b": "200000"}, 2.0),
        # In a container without a cgroup namespace of its own the path is the host's, the mount its end.
        ("3:cpu:/kubepods/pod7/c1\n", {"cpu": "350000"}, 3.5),
        ("0::/../../else\n", {"else": "100000"}, None),
    ],
)
def test_the_own_cgroup_is_found_below_the_mount(
    tmp_path: Path, lines: str, quotas: dict[str, str], cores: float | None
) -> None:
    """The kernel's list of the process's cgroups says where the quota is."""
    (tmp_path / "own").write_text(lines)
    for name, quota in quotas.items():
        folder = tmp_path / "mount" / name
        folder.mkdir(parents=True, exist_ok=True)
        if name.startswith("cpu"):
            (folder / "cpu.cfs_quota_us").write_text(quota)
            (folder / "cpu.cfs_period_us").write_text("100000")
        else:
            (folder / "cpu.max").write_text(f"{quota} 100000\n")
    assert threads.cores(tmp_path / "mount", tmp_path / "own") == cores


def test_schemas_come_back_from_their_document() -> None:
    """What is written is what is read."""
    assert Schema.parse(SCHEMA.document()) == SCHEMA
    assert not SCHEMA.numeric


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3}, {"inputs": []}, {"inputs": [{"name": "a"}]}, {"output": {"kind": "other"}},
        {"output": {"kind": "classification", "classes": None, "probabilities": True}},
        {"output": {"kind": "regression", "classes": [1], "probabilities": False}},
        {"inputs": [{**SCHEMA.document()["inputs"][0], "type": "float32"}]},
        {"inputs": [{**SCHEMA.document()["inputs"][0], "missing": "impute"}]},
    ],
)  # fmt: skip
def test_wrong_schemas_are_refused(change: dict[str, Any]) -> None:
    """Another format, and parts that are missing or unknown, are configuration errors."""
    with pytest.raises(ConfigError, match=r"schema\.json"):
        Schema.parse({**SCHEMA.document(), **change})


def test_pointers() -> None:
    """The examples of RFC 6901, section 5."""
    assert [pointer(*parts) for parts in ((), ("foo", 0), ("",), ("a/b",), ("m~n",), (" ",))] == [
        "", "/foo/0", "/", "/a~1b", "/m~0n", "/ ",
    ]  # fmt: skip


def test_a_problem_without_a_reason() -> None:
    """Members that have nothing to say are left out."""
    assert body(404, "no such route", request_id="1") == (
        b'{"type":"about:blank","title":"Not Found","status":404,"detail":"no such route","id":"1"}'
    )


class Clock:
    """Time that passes when somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


@pytest.mark.parametrize(
    ("arrivals_until", "lasts"),
    [(0.0, 10.0), (9.5, 10.5), (15.0, 16.0), (1_000.0, 20.0)],
)
def test_how_long_a_drain_lasts(
    artefact: Path, monkeypatch: pytest.MonkeyPatch, arrivals_until: float, lasts: float
) -> None:
    """Ten seconds, then until a second passed without a request, at most twenty."""
    from ekiben.serving import artefact as reader

    clock = Clock()
    life = Life(reader.read(artefact), clock)

    async def pass_time(_: float) -> None:
        if clock.now < arrivals_until:
            life.arrived(clock.now)

    monkeypatch.setattr(asyncio, "sleep", pass_time)
    asyncio.run(life.drain(10, asyncio.Event()))
    assert clock.now == pytest.approx(lasts, abs=0.6)


def test_readiness_stays_during_a_drain(artefact: Path) -> None:
    """Kubernetes takes a terminating pod out by itself; a ready one is its last resort."""
    from ekiben.serving import artefact as reader

    life = Life(reader.read(artefact), Clock())
    assert life.readiness().status == 503
    life.become_ready()
    asyncio.run(life.drain(0, asyncio.Event()))
    assert (life.draining, life.readiness().status) == (True, 200)


def test_a_failed_pod_says_why(artefact: Path) -> None:
    """The reason stands in the answer of /readyz."""
    from ekiben.serving import artefact as reader

    life = Life(reader.read(artefact), Clock())
    life.fail("row 3 is wrong")
    assert life.readiness().body == b'{"status":"failed","reason":"row 3 is wrong"}'
