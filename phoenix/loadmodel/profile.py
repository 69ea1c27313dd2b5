"""From an OtlpEmitter's JSON to the model it names. Pure.

Knows the JSON, not `phoenix.api`: the generator is a child program and knows no API objects.
"""

from __future__ import annotations

import math
from typing import Any

from phoenix.loadmodel.dynamics import EVENTS_OF, Dynamics
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.fleet import Fleet, FleetModel
from phoenix.loadmodel.http import HttpModel
from phoenix.loadmodel.kubernetes import Cluster, ClusterModel
from phoenix.loadmodel.reading import Fields
from phoenix.loadmodel.units import LoadModel


def read_model(otlp: object, *, scale: float = 1.0) -> LoadModel[Any]:
    """Read an OtlpEmitter (camelCase or snake_case keys; absent or null: the size decides).

    Args:
        otlp: the JSON.
        scale: multiplies services (M1), hosts (M2) or deployments (M3); at least one is left.

    Raises:
        LoadModelError: with a line for each fault.
    """
    faults: list[str] = []
    if not (math.isfinite(scale) and scale > 0):
        faults.append(f"scale: want a number above 0, have {scale!r}")
        scale = 1.0
    fields = Fields(otlp, "otlp", faults)
    named = str(fields.raw("model") or "M1")
    if named not in EVENTS_OF:
        faults.append(f"otlp.model: {named!r} is not known; use one of {', '.join(EVENTS_OF)}")
        named = "M1"
    dynamics = Dynamics.read(fields, named)
    model: LoadModel[Any]
    match named:
        case "M2":
            model = FleetModel(Fleet.read(fields).scaled(scale), dynamics)
        case "M3":
            model = ClusterModel(Cluster.read(fields).scaled(scale), dynamics)
        case _:
            model = HttpModel(Emitter.read(fields).scaled(scale), dynamics)
    if faults:
        raise LoadModelError(faults)
    return model
