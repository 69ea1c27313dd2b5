"""SIGTERM and SIGINT as an event that programs wait for."""

from __future__ import annotations

import asyncio
import signal

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def shutdown_event() -> asyncio.Event:
    """An event set by the first SIGTERM or SIGINT. Call once, in the main thread, with the loop running.

    The second signal has its default effect again, so that somebody who waits in vain can still end the program.
    """
    loop = asyncio.get_running_loop()
    event = asyncio.Event()

    def stop() -> None:
        event.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    return event
