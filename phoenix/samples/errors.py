"""What the samples storage refuses.

SamplesError
├── SamplesOverloaded    more samples wait for the disk than the queue holds: try again later
└── SamplesUnavailable   the file cannot be opened, read or written, or the storage is closed
"""

from __future__ import annotations


class SamplesError(Exception):
    """Base of what the samples storage refuses."""


class SamplesOverloaded(SamplesError):
    """The queue is full; nothing was taken. Reporting the same samples again is safe."""


class SamplesUnavailable(SamplesError):
    """The file or the storage cannot serve; the message says why and what to do."""
