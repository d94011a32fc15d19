"""The one place of this release's number; the package's metadata are built from it."""

VERSION = "0.1.0"
