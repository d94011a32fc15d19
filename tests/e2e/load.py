"""Open-loop load for the tests, checked against scikit-learn's own answers."""

from __future__ import annotations

import functools
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import skops.io
from sklearn import datasets
from tests.e2e.rig import Project

from ekiben.scale.load import generator
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

SERVICES = ("10.0.0.0/8",)  # pods and services of a cluster made here


def target(project: Project, artefact: Path, *, rows: int = 1, **options: Any) -> LoadTarget:
    """Rows of the iris data with the answers that the stored estimator gives by scikit-learn itself.

    Args:
        project: Where the Service is.
        artefact: Folder of the model.
        rows: Rows in each of the 50 different bodies; 1 to 10,000, the most that a pod takes.
        options: Fields of `LoadTarget`.
    """
    bodies, checks = _asked(artefact, rows)
    url = options.pop("url", "") or project.url()
    return LoadTarget(url, bodies=bodies, checks=checks, networks=SERVICES, **options)


@functools.cache
def _asked(artefact: Path, rows: int) -> tuple[tuple[bytes, ...], tuple[Expected, ...]]:
    """Bodies and their right answers; the same for all loads of an artefact, which is never rewritten."""
    features = datasets.load_iris().data
    data = features.tolist()
    path = artefact / "estimator.skops"
    estimator = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    labels, probabilities = estimator.predict(features).tolist(), estimator.predict_proba(features).tolist()
    # Every third of the data begins a body, which goes on from there, round and round.
    drawn = [[(first + n) % len(data) for n in range(rows)] for first in range(0, len(data), 3)]
    bodies = tuple(json.dumps({"instances": [data[row] for row in body]}).encode() for body in drawn)
    checks = tuple(
        Expected(tuple(int(labels[row]) for row in body), tuple(tuple(probabilities[row]) for row in body))
        for body in drawn
    )
    return bodies, checks


def steady(rate: float, seconds: float) -> Load:
    """Evenly spaced requests."""
    return Load((Segment(rate, seconds),), "constant")


@contextmanager
def running(where: LoadTarget, load: Load, stop: threading.Event | None = None) -> Iterator[list[Any]]:
    """Send the load beside the block and wait for its end; the list then holds the measurement."""
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(generator.run(where, load, seed=1, stop=stop)))
    thread.start()
    try:
        yield done
    finally:
        thread.join()


def beside_release(
    project: Project, other: Project, artefact: Path
) -> tuple[subprocess.CompletedProcess[str], Any]:
    """Release another project while load runs on this one.

    Args:
        project: What serves.
        other: What is released in its place.
        artefact: Folder of the model that serves, for the right answers.

    Returns:
        The finished command, and the measurement of the load.
    """
    ended = threading.Event()
    with running(target(project, artefact), steady(10, 300), ended) as done:
        time.sleep(3)
        finished = other.run("release", "iris")
        time.sleep(5)  # what the end of a bad pod breaks would show now
        ended.set()
    return finished, done[0]
