"""What a replica of several cores carries, against as many of one: see docs/scaling/shapes.md."""
