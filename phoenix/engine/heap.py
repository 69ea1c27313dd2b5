"""Memory settings for a process that takes large bodies all day."""

from __future__ import annotations

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_heap() -> None:
    """Tell glibc to keep freed memory: by default it returns every multi-megabyte body to the kernel and faults the
    next one in again, which makes a collector up to 3.7 times slower. Does nothing where there is no mallopt."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # its maximum
    mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    mallopt(_M_TOP_PAD, 16 << 20)


def settle() -> None:
    """Take what exists after start out of the garbage collector's sight, and collect rarely from then on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
