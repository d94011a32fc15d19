"""Whether a running pod answers as the estimator: the last link of parity, before anything is packed.

A pod of this model is started on the loopback for each form that the artefact keeps, and asked for the rows
on which the forms were compared when the model was trained; some of them alone, too. What answers a route
that the BentoML service declares is the service's own, and is not compared.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ekiben.artefact import store
from ekiben.artefact.seal import configured
from ekiben.bento import evidence
from ekiben.clients import pod
from ekiben.config import ModelConfig
from ekiben.errors import AcceptanceError, ConfigError, ToolError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.artefact import Artefact
from ekiben.serving.manifest import file_of
from ekiben.serving.predictor import Form

if TYPE_CHECKING:
    from ekiben.bento.asking import Client
    from ekiben.bento.comparing import Outcome, Progress, Sides

_log = logging.getLogger(__name__)
_ANSWER_SECONDS = 120.0  # for one request of up to 8,192 rows
_LONGEST_SECONDS = 900.0  # for all rows; iris takes seconds
# Limits are for callers; blocks of wide rows are longer than what a caller may send.
_LIMITS = {"EKIBEN_GRPC": "false", "EKIBEN_MOST_BODY_BYTES": str(1 << 30), "EKIBEN_LOG_SAMPLE_RATIO": "0"}


def prove(
    config: ModelConfig, tag: ModelTag, project: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Compare the running pod with the estimator; what was found before for the same inputs is taken.

    Args:
        config: The model's `ekiben.yaml`; `bento.pod_rows` bounds the rows.
        tag: The model.
        project: Root of the project, for the data that it was trained on.
        progress: Told rows compared and rows in all.

    Returns:
        `rows` by origin, `refused` (rows that the schema does not let in: nobody is asked for them), `alone`
        (rows that were asked one by one, too), `thresholds`, `seconds`, and `forms`: for each its outcome as
        in `parity.json`, or why no pod answers by it.

    Raises:
        ConfigError: No such model, or its data are not those it was trained on.
        AcceptanceError: A form differs in the running pod; with the cause.
    """
    store.require(tag)
    found = reader.read(store.folder_of(tag))
    wanted, without = _forms(found, config)
    count = config.bento.pod_rows or config.train.parity_rows
    key = {"model": found.sha256, "serving": evidence.serving_hash(), "rows": count, "forms": list(wanted)}
    known = evidence.kept(tag, key)
    if known is not None:
        return known
    from ekiben.bento.comparing import compare

    _log.info("bento: comparing the running pod with the estimator on %s rows", f"{count:,}")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        environments = {form: _environment(config, found, form) for form in wanted}
        pods = {form: stack.enter_context(pod.started(told)) for form, told in environments.items()}
        sides = _sides(config, found, project, count)  # while they load
        clients = {form: stack.enter_context(_client(ready, found, form)) for form, ready in pods.items()}
        outcome = compare(sides, clients, progress, _LONGEST_SECONDS)
    _require(sides, outcome, found)
    document = {**outcome.document(sides.draw), "seconds": round(time.monotonic() - began, 1)}
    document["forms"].update({form: {"kept": False, "reason": reason} for form, reason in without.items()})
    evidence.keep(tag, key, document)
    return document


def line(found: dict[str, Any]) -> str:
    """Say in a line of text what a comparison found."""
    told = [
        f"{form} {each['flips']} flips, at most {each['largest_difference']['absolute']:.3g} off"
        if each["kept"]
        else f"{form} not asked ({each['reason']})"
        for form, each in found["forms"].items()
    ]
    return (
        f"{sum(found['rows'].values()):,} rows in the running pod, {found['alone']} of them alone too, "
        f"in {found['seconds']:g} s: {'; '.join(told)}"
    )


def _forms(found: Artefact, config: ModelConfig) -> tuple[tuple[Form, ...], dict[Form, str]]:
    """Forms that a pod can be asked by, the one that answers first; and why not by another."""
    every = tuple(dict.fromkeys((found.predictor, *found.forms)))
    closed = found.estimator_format != "skops" and not config.bento.seal.allow_pickle
    if not closed or found.predictor == "scikit-learn":  # that pod does not start, and says why
        return every, {}
    reason = f"a pod may not read {found.estimator_format}: bento.seal.allow_pickle is false"
    return tuple(form for form in every if form != "scikit-learn"), {"scikit-learn": reason}


def _sides(config: ModelConfig, found: Artefact, project: Path, count: int) -> Sides:
    """The estimator of the store, and the rows that training compared its forms on."""
    from sklearn.base import is_classifier

    from ekiben.artefact.forms.attempts import attempts
    from ekiben.artefact.forms.proof import drawn
    from ekiben.bento.comparing import Sides
    from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
    from ekiben.train import station

    own = replace(reader.read(found.folder, "scikit-learn"), may_unpickle=True)  # this machine's own store
    predictor = predictors.load(own)
    assert isinstance(predictor, EstimatorPredictor)  # noqa: S101  # of the form that was asked for
    estimator = predictor.estimator
    split = station.parts(config.train, project, classifier=is_classifier(estimator))
    if json.loads(found.content(reader.CARD))["split"]["sha256"] != split.hashes():
        raise ConfigError(
            f"the data are not those that {found.name}:{found.version} was trained on: the running pod "
            "cannot be compared on the same rows",
            remedy=f"run `ekiben train {found.name}`, or put the data back",
        )
    schema = found.schema
    tried = attempts(estimator, schema, config.bento.forms)
    known, seed = split.train_rows, config.train.seed
    draw = drawn(estimator, schema, known, split.test_rows, tried, count=count, seed=seed)
    scale = 0.0
    if schema.output.kind == "regression":
        scale = float(np.std(np.asarray(estimator.predict(known), dtype=np.float64)))
    return Sides(estimator, schema, draw, tried, scale)


def _environment(config: ModelConfig, found: Artefact, form: Form) -> dict[str, str]:
    """What a pod of one form is told: as by `ekiben serve`, but that it takes large requests."""
    return {
        **_LIMITS,
        **pod.ports(pod.free_port()),
        **configured.pod_environment(config),
        "EKIBEN_ARTEFACT": str(found.folder),
        "EKIBEN_PREDICTOR": form,
        "EKIBEN_REQUEST_TIMEOUT_SECONDS": f"{_ANSWER_SECONDS:g}",
    }


def _client(ready: Callable[[], str], found: Artefact, form: Form) -> Client:
    from ekiben.bento.asking import Client

    try:
        return Client(ready(), found.name, found.schema, seconds=_ANSWER_SECONDS)
    except ToolError as error:
        last = error.last_lines.splitlines()[-1:] or ["it wrote nothing"]
        raise AcceptanceError(
            f"the pod that answers by {form} does not become ready: {last[0]}; no bento was packed",
            remedy="what its last line says; `ekiben serve` starts the same process",
        ) from error


def _require(sides: Sides, outcome: Outcome, found: Artefact) -> None:
    from ekiben.bento import comparing

    for form, tally in outcome.tallies.items():
        if tally.reason is None:
            continue
        own = reader.read(found.folder, form)
        content = own.content(file_of(form, own.estimator_format))
        here = predictors.load(replace(reader.read(found.folder, form), may_unpickle=True))
        worst = tally.worst[0]
        raise AcceptanceError(
            f"{form} answers otherwise in the running pod than the estimator: {tally.reason} "
            f"({comparing.why(sides, form, here, content, tally)}); the worst row, {worst.origin}: "
            f"{list(worst.row)} gives {worst.found}, expected {worst.expected}; no bento was packed",
            remedy=f"run `ekiben train {found.name}`; if it stays, report it with the estimator's class",
        )
