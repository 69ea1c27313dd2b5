"""What can go wrong on one host.

AgentError
├── StateLocked      another agent works on this state folder
├── ShimError        the shim cannot be started, or does not answer
│   └── ShimRefused  the shim answered no: the message says why
└── ConfigRejected   a process's configuration cannot be written or is not runnable
"""

from __future__ import annotations


class AgentError(Exception):
    """Base of the room's errors; the message says what is wrong, where, and what to do next."""


class StateLocked(AgentError):
    """Another agent works on this state folder."""


class ShimError(AgentError):
    """The shim cannot be started, is gone, or does not answer in time."""


class ShimRefused(ShimError):
    """The shim understood the request and refused it."""


class ConfigRejected(AgentError):
    """A process's configuration is wrong: nothing was started."""
