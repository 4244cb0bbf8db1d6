"""Reads Parquet that is known to be small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq


def read_small(source: Path | BinaryIO, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a small file's rows, of some columns or of all; threads cost more than they bring there."""
    with pq.ParquetFile(source) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)
