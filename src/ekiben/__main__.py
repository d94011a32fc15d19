"""`python -m ekiben` and the `ekiben` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from ekiben.cli import app

    sys.exit(app.main())


if __name__ == "__main__":
    main()
