"""ekiben takes a trained scikit-learn model to a Kubernetes service that scales itself.

The road: train -> bento -> image -> release -> traffic -> scale -> observe.
Each word is a room of this package. Nothing is imported here, so that the pod
loads `ekiben.serving` and no more.
"""
