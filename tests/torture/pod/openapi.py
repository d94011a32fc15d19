"""schemathesis against the OpenAPI document that a running server gives of itself."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.torture.pod import target, wire
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.target import Served

_DOCUMENTS = ("/openapi.json", "/docs.json")  # ours; BentoML's own
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


async def fuzz(run: Run) -> None:
    """Give every operation its share of the cases, all checks on."""
    async with target.serving(run.target, run.folder) as served:
        path, operations = await _document(run, served)
        report = run.folder / "report.json"
        status, said = await _schemathesis(run, served, path, operations, report)
        question = run.oracle.questions(run.draw)[0]
        good = await wire.once(served.port, question.request("good"))
        alive = served.alive
    cases, failures = _counted(report)
    run.number += cases
    for check, count in sorted(failures.items()):
        run.check(f"schemathesis: {check}", passed=False, found=count)
    run.check(
        "schemathesis found nothing",
        status == 0,
        f"exit status {status}" + (f": {said[-1_500:]}" if status else ""),
    )
    wanted = run.size("cases")
    run.check(f"at least {wanted:,} cases", cases >= wanted, f"{cases:,}")
    run.check("a good request is answered right afterwards", not question.wrong(good, "good"), good.status)
    run.check("the process did not end", alive, alive)
    run.notes["operations"] = str(operations)


async def _document(run: Run, served: Served) -> tuple[str, int]:
    """Path of the document and how many operations it has."""
    for path in _DOCUMENTS:
        found = await served.get(path)
        if found.status == 200:
            paths = json.loads(found.body).get("paths", {})
            break
    else:
        run.not_tested(f"the server gives no OpenAPI document at {' or '.join(_DOCUMENTS)}")
    return path, sum(1 for each in paths.values() for method in each if method in _METHODS)


async def _schemathesis(
    run: Run, served: Served, path: str, operations: int, report: Path
) -> tuple[int, str]:
    """Run it in a process of its own; its exit status and what it said."""
    url = f"http://{wire.HOST}:{served.port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}{path}", "--url", url,
        "--phases", "examples,coverage,fuzzing", "--checks", "all",
        "--max-examples", str(-(-run.size("cases") // max(1, operations))), "--continue-on-failure",
        "--seed", str(run.draw.randrange(1 << 32)), "--report", "json", "--report-json-path", str(report),
        "--request-timeout", "5", "--generation-database", "none", "--no-color",
        cwd=run.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


def _counted(report: Path) -> tuple[int, dict[str, int]]:
    """Cases sent, and failures and errors by title, from schemathesis' own report."""
    if not report.exists():
        return 0, {"schemathesis wrote no report": 1}
    found = json.loads(report.read_text(encoding="utf-8"))
    titles = {each["title"]: int(each["count"]) for each in [*found["failures"], *found["errors"]]}
    return int(found["test_cases"]["generated"]), titles


OPENAPI = Scenario(
    name="fuzz-openapi",
    action="schemathesis on every operation of /openapi.json: examples, coverage and fuzzing, all checks",
    load="its own",
    passes="0 crashes, 0 5xx, nothing against the document accepted, nothing by it refused",
    unit="cases",
    full={"cases": 50_000},
    short={"cases": 60},
    minutes=30,
    act=fuzz,
)
SCENARIOS = (OPENAPI,)
