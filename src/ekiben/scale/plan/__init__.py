"""The capacity plan: every autoscaling number with its formula, inputs, interval and source. Pure."""
