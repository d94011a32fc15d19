"""The only doors out: programs, Helm, Kubernetes, Prometheus, registries."""
