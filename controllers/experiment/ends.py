"""Where a pipeline gets its data and where it sends it: kept when what is judged between the two is exchanged. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from phoenix.pipelines.shape import pipelines, section


def with_ends_of(judged: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    """`judged` with the receivers and exporters of `live` in each pipeline that has none of its own.

    A template judged for its processors names no ends; without this its promotion would cut a running deployment off
    from its backend. Pipelines are matched by name. Both configurations are resolved; neither is changed. Processors
    stay as judged, so that the pipeline's hash does too.
    """
    out: dict[str, Any] = copy.deepcopy(dict(judged))
    if live is None:
        return out
    own, there = pipelines(out), pipelines(live)
    kept = False
    for name, pipeline in own.items():
        for end in ("receivers", "exporters"):
            wanted = there.get(name, {}).get(end)
            if pipeline.get(end) or not wanted:
                continue
            kept = True
            pipeline[end] = list(wanted)
            defined = section(live, end)
            out[end] = {item: copy.deepcopy(defined.get(item)) for item in wanted} | section(out, end)
    out["service"]["pipelines"] = own
    extensions = (live.get("service") or {}).get("extensions")
    if kept and extensions:
        # NB: exporters may authenticate with an extension, so that one goes with the other.
        out["extensions"] = copy.deepcopy(section(live, "extensions")) | section(out, "extensions")
        out["service"]["extensions"] = list(dict.fromkeys([*(out["service"].get("extensions") or []), *extensions]))
    return out
