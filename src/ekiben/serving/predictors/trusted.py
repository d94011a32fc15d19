"""Types that skops does not build by itself, and a pod does: each with the reason.

skops builds an instance without its constructor, and then sets its attributes, or hands its state to
`__setstate__`. A type is listed here if nothing of that runs what a file says: its methods are scikit-learn's
own, and its attributes are data, or types that are held to the same list. Where compiled code follows indices
that are such data, they are checked before anything is asked (`trees`, `neighbours`).

Source: skops/io/_general.py, `ObjectNode._construct`; skops/io/exceptions.py, UNTRUSTED_TYPE_REASONS.
"""

from __future__ import annotations

from collections.abc import Mapping

_ATTRIBUTES = (
    "attributes are set on a new instance; the class defines neither __setstate__ nor properties set"
)
_KERNEL = "numbers and arrays, or kernels of this list; the class defines no __setstate__"
_DISTANCE = "__setstate__ takes a number and two arrays, and keeps them; the class has no weights to index"
_KERNELS = (
    "CompoundKernel", "ConstantKernel", "DotProduct", "Exponentiation", "ExpSineSquared", "Matern", "Product",
    "RBF", "RationalQuadratic", "Sum", "WhiteKernel",
)  # fmt: skip

TRUSTED: Mapping[str, str] = {
    "sklearn.tree._tree.Tree": "__setstate__ copies typed arrays; indices of nodes are checked (trees)",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": (
        "arrays of nodes; their indices are checked (trees)"
    ),
    "sklearn.neighbors._kd_tree.KDTree": (
        "__setstate__ keeps typed arrays and integers; nodes, bounds and order are checked (neighbours)"
    ),
    "sklearn.neighbors._ball_tree.BallTree": "as KDTree",
    "sklearn.metrics._dist_metrics.EuclideanDistance64": _DISTANCE,
    "sklearn.metrics._dist_metrics.ManhattanDistance64": _DISTANCE,
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer": (
        f"numbers and arrays that no answer reads; {_ATTRIBUTES}"
    ),
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer": "as AdamOptimizer",
    "sklearn.calibration._CalibratedClassifier": (
        f"a fitted classifier, calibrators and classes, each held to this list; {_ATTRIBUTES}"
    ),
    "sklearn.calibration._SigmoidCalibration": "two numbers; its __setstate__ is every estimator's: a dict",
    "sklearn.calibration._TemperatureScaling": "one number; as _SigmoidCalibration",
    "sklearn.multiclass._ConstantPredictor": "one label; its __setstate__ is every estimator's: a dict",
    "sklearn.utils._bunch.Bunch": "a dict of estimators; its __setstate__ keeps nothing",
    "sklearn._loss.loss.HalfTweedieLossIdentity": (
        f"numbers, a link and a compiled loss of skops' own list; {_ATTRIBUTES}"
    ),
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace": (
        "arrays and a kernel of this list; its __setstate__ is every estimator's: a dict"
    ),
    "numpy.dtype": "the type of an empty array, read without pickles (DTypeNode); SimpleImputer keeps two",
    **{f"sklearn.gaussian_process.kernels.{name}": _KERNEL for name in _KERNELS},
}
