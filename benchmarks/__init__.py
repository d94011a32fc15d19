"""The product beside its peers: throughput, latency, start, memory, on one core."""
