"""Samples do not stay for ever: those of windows long over are removed, hour by hour.

A finished experiment keeps its results in its status; what goes is the raw material. Samples of an experiment that is
deleted go at once (`SampleStore.delete_experiment`).
"""

from __future__ import annotations

import asyncio
import logging
import time

from phoenix.samples.errors import SamplesUnavailable
from phoenix.samples.storage import SampleStore

_LOG = logging.getLogger("phoenix.samples")
KEEP_S = 7 * 24 * 3600.0
"""Age beyond which a window's samples go, seconds: longer than any run may last in practice."""
EVERY_S = 3600.0


async def keep_pruned(samples: SampleStore, *, keep_s: float = KEEP_S, every_s: float = EVERY_S) -> None:
    """Remove old samples now and every `every_s` seconds, until cancelled. A failure is logged and tried again."""
    while True:
        try:
            gone = await samples.prune(ended_before=time.time_ns() - round(keep_s * 1e9))
        except SamplesUnavailable as error:
            _LOG.warning("old samples stay error=%r", str(error))
        else:
            if gone:
                _LOG.info("old samples removed samples=%d older_than_s=%g", gone, keep_s)
        await asyncio.sleep(every_s)
