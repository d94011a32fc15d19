"""An estimator in each file format that an artefact may carry.

skops runs no code when it is read. joblib and pickle do, and a pod reads them
only from a signer it knows. HDF5 holds the arrays of a linear model for other
programs; no pod reads it. docs/formats.md says what each loses and risks.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from ekiben.artefact import hdf5
from ekiben.artefact.form import estimator_bytes
from ekiben.artefact.forms.proof import Proven
from ekiben.artefact.installed import own_modules
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving.manifest import FORMAT_FILES, EstimatorFormat, FileFormat
from ekiben.serving.predictors import estimator as stored
from ekiben.serving.schema import Schema

_PROTOCOL = 5  # the newest that Python 3.11 writes; fixed, so that bytes do not follow a default


def contents(
    formats: Sequence[str], estimator: Any, schema: Schema, proven: Proven
) -> tuple[dict[str, bytes], EstimatorFormat]:
    """Write an estimator in the formats that were asked for.

    Args:
        formats: `skops`, `joblib`, `pickle`, `onnx`, `hdf5`; at least one of the first three.
        estimator: Fitted.
        schema: What it takes and gives.
        proven: Its exact forms: `onnx` is one of them, `hdf5` is made from the folded one.

    Returns:
        Content of each file by name, without those of the exact forms; and the first format that
        scikit-learn can be read from.

    Raises:
        ConfigError: A format cannot hold this estimator.
        AcceptanceError: `onnx` was asked for, and no exact graph was found.
    """
    if "onnx" in formats and "onnx" not in proven.contents:
        raise AcceptanceError(
            "bento.formats asks for onnx, and no graph answers exactly as the estimator: "
            f"{proven.document['forms'].get('onnx', {}).get('reason', 'none was tried')}",
            remedy="take onnx out of bento.formats, or train an estimator that has an exact graph",
        )
    wanted = [each for each in FORMAT_FILES if each in formats]
    own = [each for each in formats if each in get_args(EstimatorFormat)]
    if not own:
        raise ConfigError(
            f"bento.formats: expected one of {', '.join(get_args(EstimatorFormat))}, found {formats}"
        )
    first: EstimatorFormat = own[0]  # type: ignore[assignment]  # get_args is untyped
    found = {FORMAT_FILES[each]: _WRITERS[each](estimator, schema, proven) for each in wanted}
    return found, first


def reloaded(formats: Sequence[str], estimator: Any) -> Any:
    """Give an estimator as a pod reads it, from the first format that scikit-learn can be read from.

    Raises:
        ConfigError: That format cannot hold it.
    """
    first = next(each for each in formats if each in get_args(EstimatorFormat))
    if first == "skops":
        try:
            return stored.load(estimator_bytes(estimator))
        except ConfigError as error:
            error.remedy = (
                "use estimators of scikit-learn itself, and functions of numpy: a pod builds no other"
            )
            raise
    import joblib

    # What is read here was written here a moment ago.
    return joblib.load(io.BytesIO(_PICKLERS[first](estimator)))


def _skops(estimator: Any, _schema: Schema, _proven: Proven) -> bytes:
    return estimator_bytes(estimator)


def _pickle(estimator: Any) -> bytes:
    return _pickled(estimator, lambda each, target: pickle.dump(each, target, protocol=_PROTOCOL))


def _joblib(estimator: Any) -> bytes:
    import joblib

    return _pickled(estimator, lambda each, target: joblib.dump(each, target, compress=0, protocol=_PROTOCOL))


def _hdf5(_estimator: Any, schema: Schema, proven: Proven) -> bytes:
    if "folded" not in proven.contents:
        raise ConfigError(
            "bento.formats asks for hdf5 (linear models only), and there is no exact linear form: "
            f"{proven.document['forms'].get('folded', {}).get('reason', 'none was tried')}",
            remedy="take hdf5 out of bento.formats, or train a linear model on numbers",
        )
    return hdf5.content(proven.contents["folded"], schema)


def _pickled(estimator: Any, dump: Callable[[Any, io.BytesIO], object]) -> bytes:
    target = io.BytesIO()
    try:
        canonical = _canonical(estimator)
        _check_modules(canonical)
        dump(canonical, target)
    except (pickle.PicklingError, TypeError, AttributeError, ImportError) as error:
        raise ConfigError(
            f"this estimator cannot be pickled: {error}",
            remedy="use classes and functions of installed packages: no lambda, nothing defined inside a "
            "function, and nothing of the project's own files, which are no package in a pod",
        ) from error
    return target.getvalue()


def _check_modules(estimator: Any) -> None:
    if own := own_modules(estimator):
        raise pickle.PicklingError(f"it is of the project's own {', '.join(own)}")


def _canonical(estimator: Any) -> Any:
    """Give the estimator as skops reads it back: bytes between the fields of a tree's nodes are zero then.

    What skops cannot write is pickled as it is; its bytes may differ from one training to the next.
    """
    from skops import io as skops_io

    try:
        content = estimator_bytes(estimator)
    except ConfigError:
        return estimator
    return skops_io.loads(content, trusted=skops_io.get_untrusted_types(data=content))


_PICKLERS: Mapping[str, Callable[[Any], bytes]] = {"joblib": _joblib, "pickle": _pickle}
_WRITERS: Mapping[FileFormat, Callable[[Any, Schema, Proven], bytes]] = {
    "skops": _skops,
    "joblib": lambda estimator, _schema, _proven: _joblib(estimator),
    "pickle": lambda estimator, _schema, _proven: _pickle(estimator),
    "hdf5": _hdf5,
}
