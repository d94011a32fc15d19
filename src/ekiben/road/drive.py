"""Drive one model down the whole road; slow things that do not need each other run side by side."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ekiben.identifiers import ClusterAddress
from ekiben.road import process, scaling, stations
from ekiben.road.journey import Stop
from ekiben.road.stations import Traveller

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Walk:
    """What one walk down the road did.

    Attributes:
        address: The cluster; None on the fourth rung.
        stops: One per station, in order.
        first: The first prediction, by a process of this machine; None if a release served already.
        scaled: What the load did; None where it was kept from an earlier walk, or there is no cluster.
        seconds: Time of each thing that took time, in the order it began.
    """

    address: ClusterAddress | None = None
    stops: list[Stop] = field(default_factory=list)
    first: dict[str, Any] | None = None
    scaled: scaling.Scaled | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stop: Stop) -> None:
        """Note a station that was passed."""
        self.stops.append(stop)
        self.seconds[stop.station] = 0.0 if stop.kept else stop.seconds


class Ground:
    """The cluster, made ready in a thread while other stations work."""

    def __init__(self, prepare: Callable[[], None], up: Callable[[], ClusterAddress]) -> None:
        self._up = up
        self._error: BaseException | None = None
        self._began = time.monotonic()
        self.prepared_seconds = 0.0
        self._thread = threading.Thread(target=self._run, args=(prepare,), daemon=True)
        self._thread.start()

    def _run(self, prepare: Callable[[], None]) -> None:
        try:
            prepare()
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            self._error = error
        self.prepared_seconds = time.monotonic() - self._began

    def address(self) -> ClusterAddress:
        """Wait until all is built, then bring the cluster up.

        Raises:
            EkibenError: What the building met.
        """
        while self._thread.is_alive():
            self._thread.join(0.5)  # in pieces, so that Ctrl-C is heard
        if self._error is not None:
            raise self._error
        return self._up()


def walk(
    traveller: Traveller,
    ground: Ground | None,
    *,
    again: bool,
    on_first: Callable[[dict[str, Any]], None],
    on_load: Callable[[Any], None],
) -> Walk:
    """Walk the road from train to scale.

    Args:
        traveller: The model.
        ground: Where the cluster comes from; None where none can be had (the fourth rung).
        again: Send the load even if it was sent for this revision before.
        on_first: Told the first prediction, as soon as there is one.
        on_load: Told the load's progress.

    Returns:
        What was done.
    """
    done = Walk()
    done.add(stations.train(traveller))
    done.add(stations.bento(traveller))
    if traveller.journey.last("release") is None or ground is None:
        done.first = process.first_prediction(traveller)
        done.seconds["first prediction"] = done.first["seconds"]
        on_first(done.first)
    if ground is None:
        return done
    done.seconds["layers of the image"] = _timed(lambda: stations.prepare(traveller))
    waited = time.monotonic()
    done.address = ground.address()
    done.seconds["waiting for the cluster"] = time.monotonic() - waited
    done.seconds["its building, beside the stations"] = ground.prepared_seconds
    done.add(stations.image(traveller, address=done.address))
    done.add(stations.release(traveller, done.address))
    done.add(stations.traffic(traveller, done.address))
    stop, done.scaled = scaling.scale(traveller, done.address, again=again, on_progress=on_load)
    done.add(stop)
    return done


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
