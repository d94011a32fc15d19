"""The Open Inference Protocol over gRPC, on the `grpc` port: a transport, and one dialect.

What a scanner sends is no line of a pod's log, and input is never echoed: core writes
to stderr, and its Python half logs bytes of metadata, for each frame that is none. Core
looks at its variable while it is being loaded, so this comes before all imports of it.
"""

from __future__ import annotations

import logging
import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
logging.getLogger("grpc._cython.cygrpc").setLevel(logging.CRITICAL)
