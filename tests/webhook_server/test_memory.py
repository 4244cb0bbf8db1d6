"""What the server frees goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ALLOCATOR = """
import sys
import saaskpi.cli
from webhook_server.memory import hold_little
assert "pyarrow" not in sys.modules, "too late: its allocator is chosen"
hold_little()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


def test_arrow_uses_the_systems_allocator() -> None:
    ended = subprocess.run([sys.executable, "-c", ALLOCATOR], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("system\n", "")


PIECES = """
from pathlib import Path
from webhook_server.memory import give_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])
pieces = [bytes(1000) for _ in range(100_000)]
pieces = pieces[::50]
before = resident()
give_back()
print(resident() / before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone keeps it")
def test_what_lies_free_between_what_is_held_is_given_back() -> None:
    ended = subprocess.run([sys.executable, "-c", PIECES], capture_output=True, text=True, check=True)
    assert float(ended.stdout) < 0.5


LARGE = """
from pathlib import Path
from webhook_server.memory import hold_little
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])
hold_little()
b"x" * 20_000_000
pieces = [(b"x" * 300_000, bytes(2_000)) for _ in range(300)]
before = resident()
held = [small for _, small in pieces]
del pieces
print(resident() / before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone keeps it")
def test_large_pieces_are_given_back_at_once_also_from_between_what_is_held() -> None:
    ended = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert float(ended.stdout) < 0.5
