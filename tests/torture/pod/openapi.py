"""schemathesis against the OpenAPI document that a running server gives of itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from tests.torture.pod import target, wire
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.target import Served

_DOCUMENTS = ("/openapi.json", "/docs.json")  # ours; BentoML's own
# JSON Schema cannot say that a tensor's shape fits its data, nor that columns are of one length, and CSV and
# bytes it cannot describe at all: there a refusal of what the schema allows is no finding.
_BEYOND = "/(infer|invocations)$"
_HALVES: dict[str, tuple[str, ...]] = {
    "all": (),
    "said whole": ("--exclude-path-regex", _BEYOND),
    "said in part": ("--include-path-regex", _BEYOND, "--exclude-checks", "positive_data_acceptance"),
}
_MOST_RUNS = 12
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


async def fuzz(run: Run) -> None:
    """Give the operations cases until there are enough: all checks on what a schema can say.

    schemathesis ends a run early where an operation has no more cases to give; the next has another seed.
    """
    wanted, cases, failures, problems = run.size("cases"), 0, Counter[str](), []
    async with target.serving(run.target, run.folder) as served:
        path, operations = await _document(run, served)
        halves = ("said whole", "said in part") if run.target.name == "ekiben" else ("all",)
        for number in range(_MOST_RUNS):
            options = _HALVES[halves[number % len(halves)]]
            status, said = await _schemathesis(run, served, path, max(wanted // operations, 1), options)
            sent, found = _counted(run.folder / "report.json")
            cases, failures = cases + sent, failures + found
            problems += [f"exit status {status}: {said[-1_500:]}"] if status else []
            if (number and cases >= wanted) or problems:
                break
        question = run.oracle.questions(run.draw)[0]
        good = await wire.once(served.port, question.request("good"))
        alive = served.alive
    run.number += cases
    for check, count in sorted(failures.items()):
        run.check(f"schemathesis: {check}", passed=False, found=count)
    run.check("schemathesis found nothing", not problems, "; ".join(problems) or "nothing")
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
    run: Run, served: Served, path: str, examples: int, options: tuple[str, ...]
) -> tuple[int, str]:
    """Run it in a process of its own; its exit status and what it said."""
    url = f"http://{wire.HOST}:{served.port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}{path}", "--url", url,
        "--phases", "examples,coverage,fuzzing", "--checks", "all", *options,
        "--max-examples", str(examples), "--continue-on-failure",
        "--seed", str(run.draw.randrange(1 << 32)), "--report", "json",
        "--report-json-path", str(run.folder / "report.json"),
        "--request-timeout", "5", "--generation-database", "none", "--no-color",
        cwd=run.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


def _counted(report: Path) -> tuple[int, Counter[str]]:
    """Cases sent, and failures and errors by title, from schemathesis' own report."""
    if not report.exists():
        return 0, Counter({"schemathesis wrote no report": 1})
    found = json.loads(report.read_text(encoding="utf-8"))
    titles = Counter({each["title"]: int(each["count"]) for each in [*found["failures"], *found["errors"]]})
    return int(found["test_cases"]["generated"]), titles


OPENAPI = Scenario(
    name="fuzz-openapi",
    action="schemathesis on every operation of /openapi.json: examples, coverage and fuzzing",
    load="its own",
    passes="0 crashes, 0 5xx, nothing against it accepted; nothing by it refused, but on /infer and "
    "/invocations, where a schema cannot say all",
    unit="cases",
    full={"cases": 50_000},
    short={"cases": 60},
    minutes=30,
    act=fuzz,
)
SCENARIOS = (OPENAPI,)
