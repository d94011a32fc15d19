"""`python -m ekiben.serving`: the pod's process."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
from pathlib import Path

from ekiben.errors import EkibenError
from ekiben.serving import threads
from ekiben.serving.settings import Settings

_LOG = logging.getLogger("ekiben.serving")
_TERMINATION_LOG = "/dev/termination-log"  # Kubernetes' default terminationMessagePath


def main() -> int:
    """Run the pod.

    Returns:
        0 drained, 2 wrong settings or artefact, 6 wrong golden answers, 1 anything else, 130 interrupted.
    """
    gc.disable()  # until the pod is ready: imports leave little garbage, and take a tenth less time without
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what a scanner sends is no warning
    try:
        settings = Settings.read(os.environ)
    except EkibenError as error:
        return _ended(error)
    threads.limit(os.environ, settings.workers)
    return _run(settings)


def _run(settings: Settings) -> int:
    import asyncio

    import uvloop

    from ekiben.serving.server import StoppedEarlyError, serve

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return _leave(runner.run(serve(settings)))
    except StoppedEarlyError:
        _LOG.info("stopped before the model was loaded")
        logging.shutdown()
        os._exit(0)  # a thread may be inside an import that cannot be interrupted
    except EkibenError as error:
        return _ended(error)


def _leave(status: int) -> int:
    """End at once if a thread is still computing what nobody waits for any more."""
    busy = [
        each.name for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon
    ]
    if busy:
        _LOG.warning("left while still computing: %s", ", ".join(busy))
        logging.shutdown()
        os._exit(status)
    return status


def _ended(error: EkibenError) -> int:
    """Say why, where people and the kubelet look."""
    reason = f"{error}; {error.remedy}" if error.remedy else str(error)
    _LOG.error("%s", reason)
    termination_log = Path(os.environ.get("EKIBEN_TERMINATION_LOG") or _TERMINATION_LOG)
    with contextlib.suppress(OSError):  # outside of Kubernetes there is no such file
        if termination_log.exists():
            termination_log.write_text(reason, encoding="utf-8")
    return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
