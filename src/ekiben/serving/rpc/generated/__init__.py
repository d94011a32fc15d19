"""What protoc makes of `../proto`; written by `tools/generate.py`."""
