"""Inside the pod: admission, validation, predictor, metrics, life."""
