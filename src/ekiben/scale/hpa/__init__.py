"""The arithmetic of the HorizontalPodAutoscaler, exact: pure functions without clock, network or cluster.

Written from https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/ and
compared with upstream's own controller (Kubernetes v1.35.4): see `docs/hpa.md`.
"""
