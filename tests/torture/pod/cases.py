"""hypothesis beside two referees: scikit-learn for the validator, the protocol's own text for gRPC.

Both run programs that the tests have too, with many more cases, in a process of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any
from xml.etree import ElementTree as ET

from tests.torture.pod.results import ROOT
from tests.torture.pod.scenario import Run, Scenario

_GRPC = "tests/serving/test_rpc_fuzz.py"
# Of the tests in that file, three send as many cases as told and one, of whole connections, a third of it.
_GRPC_SHARES = 3 + 1 / 3


async def _said(*argv: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of a program run from the project's root."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *argv,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


def _ours_only(run: Run) -> None:
    if run.target.name != "ekiben":
        run.not_tested("it has neither this validator nor this protocol")


async def validator(run: Run) -> None:
    """Bodies of six schemas: accepted alike, the same bits, and the same predictions."""
    _ours_only(run)
    cases, seed = run.size("cases"), run.draw.randrange(1 << 32)
    status, said = await _said("tests.serving.fuzz_validator", "--cases", str(cases), "--seed", str(seed))
    last = said.strip().splitlines()[-1] if said.strip() else ""
    found: dict[str, Any] = {"cases": 0, "failure": said[-1_500:]}
    if last.startswith("{"):
        found = json.loads(last)
    run.number += found["cases"]
    run.check("the validator and the oracle agree", status == 0 and not found["failure"], found["failure"])
    run.check(f"at least {cases:,} cases", found["cases"] >= cases, f"{found['cases']:,}")
    run.notes.update({each: str(found.get(each)) for each in ("accepted", "table", "refused")})


async def rpc(run: Run) -> None:
    """Messages and connections that nobody meant: the client's fault, or answered as scikit-learn does."""
    _ours_only(run)
    cases = run.size("cases")
    each = -(-cases * 3 // round(3 * _GRPC_SHARES))
    report, seed = run.folder / "report.xml", run.draw.randrange(1 << 32)
    status, said = await _said(
        "pytest", _GRPC, "-q", "-p", "no:randomly", f"--hypothesis-seed={seed}", "--timeout", "3600",
        f"--junitxml={report}", EKIBEN_FUZZ_CASES=str(each),
    )  # fmt: skip
    suite = ET.parse(report).getroot().find("testsuite") if report.exists() else None  # noqa: S314 - ours
    tests = 0 if suite is None else int(suite.get("tests", "0"))
    run.number += int(each * _GRPC_SHARES)
    run.check(
        "every test passed", status == 0, f"exit status {status}" + (f": {said[-1_500:]}" if status else "")
    )
    run.check("four tests ran", tests == 4, tests)


VALIDATOR = Scenario(
    name="fuzz-validator",
    action="bodies of six schemas, good ones with something changed, by hypothesis",
    load="no server: the validator and the estimator",
    passes="accepted by both or neither, bit-equal rows, bit-equal predictions of scikit-learn",
    unit="cases",
    full={"cases": 50_000},
    short={"cases": 500},
    parts=20,
    minutes=20,
    act=validator,
)
RPC = Scenario(
    name="fuzz-grpc",
    action="gRPC messages mutated and made up, and HTTP/2 with bits changed, by hypothesis",
    load="its own",
    passes="INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED or UNIMPLEMENTED, or scikit-learn's answer",
    unit="cases",
    full={"cases": 20_000},
    short={"cases": 200},
    parts=5,
    minutes=10,
    act=rpc,
)
SCENARIOS = (VALIDATOR, RPC)
