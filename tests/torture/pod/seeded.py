"""The seeded faults. One more is one more entry; an old text that is not in the code is an error, not a skip."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_LIFE, _PARTS = "tests/serving/test_life.py", "tests/unit/serving/test_parts.py"
_VALIDATION, _METRICS = "tests/unit/serving/test_validation.py", "tests/serving/test_metrics.py"
_BOUNDS, _START, _PREDICT = (
    "tests/serving/test_bounds.py",
    "tests/serving/test_start.py",
    "tests/serving/test_predict.py",
)

FAULTS: tuple[Fault, ...] = (
    Fault(
        "drain-in-silence", "answers during a drain close their connection",
        "life.py", "        self.draining = True\n", "        self.draining = False\n", (_LIFE,),
    ),
    Fault(
        "drain-too-short", "a drain lasts until no request came for a second",
        "life.py", " and now - self._last_arrival >= QUIET_SECONDS", "", (_PARTS,),
    ),
    Fault(
        "drain-without-end", "a load that never stops cannot keep a pod",
        "life.py", "2 * seconds", "200 * seconds", (_PARTS,),
    ),
    Fault(
        "unready-while-draining", "readiness stays during a drain",
        "life.py", "        if self.ready:\n", "        if self.ready and not self.draining:\n", (_PARTS,),
    ),
    Fault(
        "deaf-to-the-second-signal", "a second SIGTERM ends the wait",
        "signals.py", "        if self.stop.is_set():\n            self.hurry.set()\n", "", (_LIFE,),
    ),
    Fault(
        "golden-rows-unread", "a pod with a wrong golden answer does not serve",
        "golden.py", "    if wrong:\n", "    if wrong and False:\n", (_START,),
    ),
    Fault(
        "artefact-unverified", "a changed artefact is not loaded",
        "artefact.py", "    if digest != expected:\n", "    if digest == '':\n", ("tests/unit/serving/test_artefact.py",),
    ),
    Fault(
        "artefact-with-guests", "files that the manifest does not list are refused",
        "artefact.py", "sorted(found - {*listed, MANIFEST})", "sorted(found - found)", ("tests/unit/serving/test_artefact.py",),
    ),
    Fault(
        "key-twice", "an object that names a key twice is refused",
        "decoding.py", "    if colons and colons != _pairs(document):\n", "    if colons < 0:\n",
        ("tests/unit/serving/test_decoding.py",),
    ),
    Fault(
        "not-finite", "a number beyond float64 is refused",
        "validation.py", "return rows if np.isfinite(rows).all() else None", "return rows", (_VALIDATION,),
    ),
    Fault(
        "rows-without-limit", "the number of rows is bounded",
        "validation.py", "if not 1 <= len(instances) <= self._most_rows:", "if not 1 <= len(instances):", (_VALIDATION,),
    ),
    Fault(
        "extra-fields", "a field that the schema does not know is refused",
        "validation.py", "        if extra:\n", "        if extra > 10:\n", (_VALIDATION,),
    ),
    Fault(
        "coercion", "true is no number",
        "validation.py", "_NUMBERS: set[type] = {float, int}", "_NUMBERS: set[type] = {float, int, bool}",
        (_VALIDATION, _PREDICT),
    ),
    Fault(
        "body-without-limit", "a body is bounded, whatever its headers say",
        "receipt.py", "    if size > most_bytes:\n        return None\n    return chunks[0]", "    return chunks[0]",
        (_BOUNDS, _PARTS),
    ),
    Fault(
        "any-content-type", "only JSON in UTF-8 is read",
        "receipt.py", 'if media_type != b"application/json" and not _JSON.match(media_type):', "if not headers:",
        (_PREDICT,),
    ),
    Fault(
        "connections-for-ever", "a connection ends after its requests",
        "connection.py", "self.requests >= requests or ", "", (_PARTS, _BOUNDS),
    ),
    Fault(
        "paths-as-labels", "no path that a caller makes up becomes a series",
        "admission.py", 'route = scope["path"] if scope["path"] in self._routes else UNMATCHED', 'route = scope["path"]',
        (_METRICS,),
    ),
    Fault(
        "methods-as-labels", "no method that a caller makes up becomes a series",
        "instruments.py", "method if method in _METHODS else OTHER_METHOD", "method", (_METRICS,),
    ),
    Fault(
        "arrivals-uncounted", "arrivals are counted at receipt",
        "instruments.py", "        self._arrivals.inc()\n", "", (_METRICS,),
    ),
    Fault(
        "in-progress-for-ever", "requests in progress go back to 0",
        "instruments.py", "        self._in_progress.dec()\n", "", (_METRICS,),
    ),
    Fault(
        "threads-unbounded", "numerical libraries take no more threads than the quota has cores",
        "threads.py", "environment.setdefault(variable, str(threads))", "environment.setdefault(variable, '64')",
        (_PARTS,),
    ),
    Fault(
        "slow-bodies", "a body that does not arrive in time is answered with 408",
        "receipt.py", "asyncio.timeout(seconds)", "asyncio.timeout(None)", (_BOUNDS,),
    ),
)  # fmt: skip
