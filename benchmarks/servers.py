"""A running server: its whole process tree on one core, asked over the loopback."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.arms import Arm
from benchmarks.forms import Request
from benchmarks.models import Rows
from benchmarks.place import HOST, Place
from benchmarks.processes import Tree
from ekiben.errors import AcceptanceError, ToolError

CPU = 0  # of every server; the load generator has CPU 1
_READY_SECONDS = 180
_LOOK_SECONDS = 0.005  # a look costs the server time too
_ANSWER_SECONDS = 60
_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # a run that is killed leaves no server behind
# One core for all: none of them may count the machine's.
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client saw."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started.

    Attributes:
        arm: What it is.
        place: Where it is.
        process: Its first process.
        log: What it printed.
        began: Monotonic seconds at which it was executed.
    """

    arm: Arm
    place: Place
    process: subprocess.Popen[bytes]
    log: Path
    began: float

    @property
    def url(self) -> str:
        """Where predictions are asked for."""
        return f"http://{HOST}:{self.place.port}{self.path}"

    @property
    def path(self) -> str:
        """Path of the URL."""
        return self.arm.form.path.format(model=self.place.model.name)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Headers that it wants to see."""
        return self.place.credentials.headers(self.arm.credential)

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(self.process.pid)

    def wait_ready(self) -> float:
        """Wait until it can predict.

        Returns:
            Seconds since it was executed.

        Raises:
            ToolError: It ended, or was not ready in time.
        """
        while time.monotonic() < self.began + _READY_SECONDS:
            if self.process.poll() is not None:
                raise self.failure(f"ended with {self.process.returncode}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if not self.arm.ready or self.get(self.arm.ready).status == http.HTTPStatus.OK:
                    if not self.arm.ready:
                        self.get("/")
                    return time.monotonic() - self.began
            time.sleep(_LOOK_SECONDS)
        raise self.failure(f"was not ready within {_READY_SECONDS} s")

    def failure(self, why: str) -> ToolError:
        """Say what went wrong, with the end of its log."""
        last = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return ToolError(f"{self.arm.name} {why}", argv=self.process.args, last_lines=last)  # type: ignore[arg-type]

    def get(self, path: str, *, port_offset: int = 0) -> Reply:
        """Send a GET."""
        return self._send("GET", path, None, {}, port_offset)

    def ask(self, request: Request, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for predictions, with its credentials or with other headers.

        Raises:
            ToolError: No answer came.
        """
        more = self.credentials if headers is None else headers
        try:
            return self._send("POST", self.path, request.body, {**request.headers, **more}, 0)
        except (OSError, http.client.HTTPException) as error:
            raise self.failure(f"gave no answer: {error!r}") from error

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], offset: int
    ) -> Reply:
        connection = http.client.HTTPConnection(HOST, self.place.port + offset, timeout=_ANSWER_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def check(self, batches: Sequence[Rows]) -> None:
        """Compare its answers with scikit-learn's.

        Raises:
            AcceptanceError: One is refused or differs.
            ToolError: One did not come.
        """
        for rows in batches:
            reply = self.ask(self.arm.form.write(rows))
            if reply.status != http.HTTPStatus.OK:
                raise AcceptanceError(f"{self.arm.name} answered {reply.status}: {reply.body[:500]!r}")
            found = np.asarray(self.arm.form.read(reply.headers, reply.body), dtype=np.float64)
            expected = rows if self.arm.engine == "none" else self.place.model.estimator.predict(rows)
            if found.shape != np.shape(expected) or not np.allclose(
                found, expected, rtol=self.arm.tolerance, atol=0
            ):
                raise AcceptanceError(f"{self.arm.name} answered otherwise than scikit-learn: {found[:5]}")


@contextlib.contextmanager
def running(arm: Arm, place: Place) -> Iterator[Server]:
    """Start a server, and end it with the block."""
    found = arm.launch(place)
    environment = {
        "PATH": f"{place.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place.scratch),
        "LC_ALL": "C.UTF-8",
        **_THREADS,
        **found.environment,
    }
    log = place.scratch / "log"
    with log.open("wb") as sink:
        began = time.monotonic()
        process = subprocess.Popen(
            [*_WITH_US, "taskset", "--cpu-list", str(CPU), *found.argv],
            env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=place.scratch,
            start_new_session=True,
        )  # fmt: skip
        server = Server(arm, place, process, log, began)
        try:
            yield server
        finally:
            server.tree.end(process)
