"""How a process that lives for months holds memory: what it frees goes back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
"""Both of glibc's ``malloc.h``."""
_ARENAS: Final = 2
_LARGE: Final = 256 * 1024
"""Bytes from which a piece of memory is mapped by itself and goes back to the system at once. Left alone,
glibc raises that up to 32 MB, and columns of a few hundred KB leave holes among what is held for long."""


def hold_little() -> None:
    """Keep freed memory for few threads only; to be called before Arrow is loaded and other threads begin.

    Measured under 50 events a second: by itself each of some 50 threads keeps an arena of glibc, and Arrow's
    own allocator the most that it ever had; together 200 MB after ten minutes, and growing.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # another C library has other ways
            mallopt(_M_ARENA_MAX, _ARENAS)
            mallopt(_M_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Give the memory that lies free between what is held back to the system; takes some milliseconds."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
