"""One timer for all connections: a timer of its own for each request would cost more than the request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

_TICK_SECONDS = 0.5


async def sweep(connections: Iterable[Any], tick: Callable[[], None]) -> None:
    """End what takes too long, for ever.

    Args:
        connections: uvicorn's set of open connections.
        tick: Called each time too.
    """
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        tick()
        now = time.monotonic()
        for each in list(connections):
            each.sweep(now)
