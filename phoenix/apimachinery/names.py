"""Names of child objects: readable, at most 63 characters, different for different parents."""

from __future__ import annotations

import hashlib
import re

LABEL_EXPERIMENT = "phoenix.io/experiment"
LABEL_RUN = "phoenix.io/run"
LABEL_HOST = "phoenix.io/host"
LABEL_VARIANT = "phoenix.io/variant"
LABEL_DEPLOYMENT = "phoenix.io/deployment"

FOREGROUND_FINALIZER = "foregroundDeletion"
"""Of an object that goes after its dependents; the garbage controller removes it (Kubernetes' name)."""
ORPHAN_FINALIZER = "orphan"
"""Of an object that leaves its dependents behind; removed once they are let go of (Kubernetes' name)."""

MAX_NAME = 63


def child_name(*parts: str) -> str:
    """Join parts with dashes; what is too long or no DNS label is cut and given six hex digits of a hash.

    The same parts always give the same name, so that a controller that runs twice makes one child.
    """
    joined = "-".join(parts)
    clean = re.sub(r"[^a-z0-9-]+", "-", joined.lower()).strip("-")
    if clean == joined and len(joined) <= MAX_NAME:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:6]
    return f"{clean[: MAX_NAME - 7].rstrip('-')}-{digest}"
