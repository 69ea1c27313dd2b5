"""What can be configured about access: limits and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken on at once. Members of system:masters, such as Phoenix's own parts, are never refused.

    Args:
        reads_in_flight: reads under way at once, watches and followed logs apart; 0: no limit.
        writes_in_flight: writes under way at once; 0: no limit.
        user_rate: requests a second one user may send in the long run; 0: no limit.
        user_burst: requests a user may send at once after a pause.
        user_watches: watches and followed logs one user may have open; 0: no limit.
    """

    reads_in_flight: int = 400
    writes_in_flight: int = 200
    user_rate: float = 1000.0
    user_burst: float = 2000.0
    user_watches: int = 1000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """Where writes are recorded.

    Args:
        path: the file; None: nothing is recorded.
        max_bytes: size at which it is put aside and begun anew.
        backups: files put aside that are kept (`audit.log.1` is the latest).
        required: refuse writes while they cannot be recorded.
        capacity: records that may wait for the file; beyond that the oldest are dropped, and counted.
    """

    path: Path | None = None
    max_bytes: int = 64 << 20
    backups: int = 4
    required: bool = False
    capacity: int = 16384


NO_AUDIT = AuditConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessConfig:
    """Limits and audit together; `key` signs child programs' tokens (empty: a new one, for tests)."""

    limits: Limits = DEFAULT_LIMITS
    audit: AuditConfig = NO_AUDIT
    key: bytes = b""
