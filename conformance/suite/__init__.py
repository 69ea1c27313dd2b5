"""Every scenario, by the file it is in."""

from __future__ import annotations

from conformance.steps import Scenario
from conformance.suite import applying, bodies, core, creating, deleting, listing, patching, routes, updating, watching

FILES: dict[str, tuple[Scenario, ...]] = {
    "creating": creating.SCENARIOS,
    "bodies": bodies.SCENARIOS,
    "updating": updating.SCENARIOS,
    "patching": patching.SCENARIOS,
    "applying": applying.SCENARIOS,
    "listing": listing.SCENARIOS,
    "deleting": deleting.SCENARIOS,
    "watching": watching.SCENARIOS,
    "routes": routes.SCENARIOS,
    "core": core.SCENARIOS,
}
SCENARIOS: tuple[Scenario, ...] = tuple(one for file in FILES.values() for one in file)
