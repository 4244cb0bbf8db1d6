"""What the server frees goes back to the system."""

from __future__ import annotations

import subprocess
import sys

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
