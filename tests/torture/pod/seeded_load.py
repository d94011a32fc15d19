"""Seeded faults in what bears load: heads that are known, the backlog, the workers."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_WORKERS = "tests/unit/serving/test_workers.py"
FAULTS: tuple[Fault, ...] = (
    Fault(
        "known-heads-let-in",
        "a head that came before lets nobody in",
        "http/repeating.py",
        "visit.let_in(known.endpoint.group, known.credential, self._peer)",
        "visit.caller",
        ("tests/serving/test_again.py",),
    ),
    Fault(
        "known-heads-of-any-length",
        "a known head's body ends where its length says",
        "http/repeating.py",
        "if known is not None and len(data) - end == known.size:",
        "if known is not None:",
        ("tests/serving/test_again.py",),
    ),
    Fault(
        "known-heads-uncounted",
        "requests with known heads count for the age of a connection",
        "http/repeating.py",
        """        desk = self.desk
        self._requests += 1
""",
        """        desk = self.desk
""",
        ("tests/serving/test_again.py",),
    ),
    Fault(
        "doubtful-heads-known",
        "a head is only known where its lines are what the parser made of them",
        "http/again.py",
        " or not _read_so(head, target, fields)",
        "",
        ("tests/unit/serving/test_again.py",),
    ),
    Fault(
        "requests-after-the-last",
        "what follows a request that closes the connection is no request",
        "http/repeating.py",
        " and (not turns or (isinstance(turns[-1], Turn) and not turns[-1].last))",
        "",
        ("tests/serving/test_again.py",),
    ),
    Fault(
        "heads-without-limit-of-number",
        "known heads are bounded",
        "http/again.py",
        "if len(self._known) >= _MOST_HEADS:",
        "if not self._known and _MOST_HEADS < 0:",
        ("tests/unit/serving/test_again.py",),
    ),
    Fault(
        "waits-for-its-last-moment",
        "who is let in is answered in time, also if the estimate is wrong by some",
        "backlog.py",
        "PATIENCE_RATIO = 0.5",
        "PATIENCE_RATIO = 1.0",
        ("tests/unit/serving/test_backlog.py",),
    ),
    Fault(
        "decoded-before-refused",
        "what must be refused for lack of time costs no decoding",
        "lane.py",
        "if packed or size > self._backlog.aside_bytes:",
        "if packed or size > _INLINE_BYTES:",
        ("tests/unit/serving/test_lane.py",),
    ),
    Fault(
        "pace-of-the-predictor-alone",
        "the backlog is known by whole jobs",
        "workers.py",
        "self._backlog.done(rows, sum(done.rows for done in result), seconds)",
        "self._backlog.done(rows, sum(done.rows for done in result), 0.0)",
        ("tests/unit/serving/test_lane.py",),
    ),
    Fault(
        "one-thread-for-all",
        "workers work side by side",
        "workers.py",
        'ThreadPoolExecutor(count, "large-requests")',
        'ThreadPoolExecutor(1, "large-requests")',
        (_WORKERS,),
    ),
    Fault(
        "batches-one-by-one",
        "a batch does not wait while a worker is idle",
        "lane.py",
        "if self._pending and not self._scheduled and self._batches < self._most_batches:",
        "if self._pending and not self._scheduled and not self._batches:",
        (_WORKERS,),
    ),
    Fault(
        "batches-uncut",
        "idle workers share what is long by its rows",
        "lane.py",
        "        if idle == 1:\n            return _BATCH_ROWS\n",
        "        if idle:\n            return _BATCH_ROWS\n",
        (_WORKERS,),
    ),
    Fault(
        "batches-cut-to-pieces",
        "a call is cut no further than its fixed part is worth",
        "pace.py",
        "worth = self._per_row * rows / self._fixed if self._fixed else rows",
        "worth = rows",
        (_WORKERS,),
    ),
    Fault(
        "waits-beside-idle-workers",
        "nobody is refused for a wait while a worker is idle",
        "backlog.py",
        "        if self._jobs < self._workers:\n            return 0.0\n",
        "",
        (_WORKERS,),
    ),
    Fault(
        "threads-for-each-worker",
        "libraries share the quota among the workers",
        "threads.py",
        "math.floor(quota / workers)",
        "math.floor(quota)",
        ("tests/unit/serving/test_parts.py",),
    ),
)
