"""The load test as a Job of the cluster: what its pod is told, what it runs, what it says."""
