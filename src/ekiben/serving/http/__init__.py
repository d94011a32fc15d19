"""HTTP/1.1: connections, requests in their order, time-outs."""
