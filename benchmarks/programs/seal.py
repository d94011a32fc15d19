"""What the seal costs at start: an artefact of 100 MB, read with and without a signature.

`python -m benchmarks.programs.seal`: median and largest of ten processes' first reading, in milliseconds,
its CPU time, and the time of merely reading the same files. Files are in the page cache, as after an image
was unpacked; the import of `cryptography` counts, since only the signature needs it that early.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_RUNS = 10
_BYTES = 100_000_000
_READER = """
import pathlib, sys, time
import numpy, orjson
from ekiben.serving import artefact
from ekiben.serving.seal import policy
folder = pathlib.Path(sys.argv[1])
began = time.perf_counter()
for path in folder.iterdir():
    with path.open("rb") as file:
        file.read()
plain, used = time.perf_counter(), time.process_time()
artefact.read(folder, "onnx", policy.Policy.read({"EKIBEN_SIGNERS": sys.argv[2]}))
print((plain - began) * 1e3, (time.perf_counter() - plain) * 1e3, (time.process_time() - used) * 1e3)
"""


def main() -> None:
    """Print the figures as JSON."""
    from tests.torture.artefact.hostile import refit
    from tests.torture.artefact.trial import Trial

    from ekiben.artefact.seal import keys, sign

    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name))
        folder = trial.fresh()
        (folder / "estimator.skops").write_bytes(bytes(_BYTES // 2))
        (folder / "estimator.onnx").write_bytes(bytes(_BYTES // 2))
        refit(folder)
        signer = keys.create_pair(Path(name) / "signer")
        content = sign.bundle_for(folder, Path(name) / "signer", [signer])
        (folder / "signature.json").write_bytes(content or b"")
        found = {}
        for what, key in (("signed", signer.text), ("unsigned", "")):
            times = [
                subprocess.run(
                    [sys.executable, "-c", _READER, str(folder), key],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.split()
                for _ in range(_RUNS)
            ]
            reads, seals, used = ([float(each[place]) for each in times] for place in (0, 1, 2))
            found[what] = {
                "milliseconds": round(statistics.median(seals), 1),
                "largest": round(max(seals), 1),
                "of CPU": round(statistics.median(used), 1),
                "reading alone": round(statistics.median(reads), 1),
            }
    print(json.dumps({"bytes": _BYTES, "runs": _RUNS, **found}, indent=1))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
