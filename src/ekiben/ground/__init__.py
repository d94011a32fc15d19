"""The cluster under the road: find one, or build and run one on this machine."""
