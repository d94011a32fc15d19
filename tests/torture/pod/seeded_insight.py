"""The seeded faults of what a pod says of its own model, and of what hostile requests leave behind."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_UNIT, _SERVING = "tests/unit/serving", "tests/serving"
_HTTP, _BOUNDS = f"{_SERVING}/test_http.py", f"{_SERVING}/test_bounds.py"
_LANE = f"{_UNIT}/test_lane.py"
_EXPLANATION = f"{_UNIT}/explanation"

HOSTILE = (
    Fault(
        "codings-unknown",
        "a transfer coding that nobody decodes is refused",
        "http/fields.py",
        '    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":\n',
        "    if False:\n",
        (_HTTP,),
    ),
    Fault(
        "odd-heads-elsewhere",
        "odd heads are refused where no route is, too",
        "http/connection.py",
        "            if odd or version",
        "            if endpoint is not None and odd or version",
        (_HTTP,),
    ),
    Fault(
        "drips",
        "a body that drips is ended before its time",
        "http/connection.py",
        "waited > bounds.body_seconds or self._drips(waited)",
        "waited > bounds.body_seconds",
        (_BOUNDS,),
    ),
    Fault(
        "kept-behind-the-last-answer",
        "a connection whose last answer was sent ends",
        "http/connection.py",
        "        if self._closing:  # the last answer was written before this was whole\n",
        "        if False:\n",
        (_HTTP,),
    ),
    Fault(
        "end-untold",
        "who sends on behind a refusal sees the end of the connection",
        "http/order.py",
        "            self.transport.write_eof()\n",
        "            pass\n",
        (_HTTP,),
    ),
    Fault(
        "refusals-kept",
        "a refused request is let go at once",
        "problem.py",
        "        self.__traceback__ = self.__context__ = self.__cause__ = None\n",
        "",
        (_LANE,),
    ),
)

INSIGHT = (
    Fault(
        "sums-unchecked",
        "an explanation that does not add up is refused",
        "explanation/additivity.py",
        "np.all(np.abs(sums - outputs) <= TOLERANCE * scale, axis=1)",
        "np.ones(len(outputs), dtype=np.bool_)",
        (f"{_EXPLANATION}/test_additivity.py",),
    ),
    Fault(
        "another-model-explained",
        "what is explained is what the pod answers",
        "explanation/additivity.py",
        "return np.logical_and(near, self._answered(outputs, answers, scale))",
        "return near",
        (f"{_EXPLANATION}/test_additivity.py",),
    ),
    Fault(
        "trees-that-lead-outside",
        "no index of a tree leads outside it",
        "explanation/trees.py",
        "    if not sound:\n",
        "    if len(left) == 0:\n",
        (f"{_EXPLANATION}/test_trees.py",),
    ),
    Fault(
        "yesterdays-score",
        "after a failed check no score is shown",
        "recheck.py",
        "            self._scores = {}\n",
        "",
        (f"{_UNIT}/test_recheck.py",),
    ),
    Fault(
        "recheck-without-rest",
        "a check leaves the predictor to requests for most of the time",
        "recheck.py",
        "                await asyncio.sleep(_REST * done.seconds)\n",
        "                await asyncio.sleep(0)\n",
        (f"{_UNIT}/test_recheck.py",),
    ),
)
FAULTS = (*HOSTILE, *INSIGHT)
