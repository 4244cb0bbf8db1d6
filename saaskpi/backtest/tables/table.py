"""One table of somebody's: read once, each fact taken from it as the mapping says, bad rows kept aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from enrichment.health.columns import COLUMNS
from saaskpi.backtest.tables.mapping import KEYS, Spec
from saaskpi.errors import UsageError
from saaskpi.imports.csv_file import normalised, read_csv

_TRUE: Final = ("1", "1.0", "true", "yes", "y", "t")
_FALSE: Final = ("0", "0.0", "false", "no", "n", "f")
_EXAMPLES: Final = 3


def counted(number: int, what: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@dataclass
class Aside:
    """The rows that could not be used, by reason; the run goes on without them.

    Attributes:
        file: they are of.
        reasons: how many rows each reason kept aside.
        lines: the first of them.
    """

    file: str
    reasons: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, reason: str, lines: Iterable[Any]) -> None:
        """Count rows; lines are numbered as in the file, the header being 1."""
        found = [int(line) for line in lines]
        if found:
            self.reasons[reason] += len(found)
            self.lines.setdefault(reason, []).extend(found[:_EXAMPLES])

    def notes(self) -> list[str]:
        """Say what was kept aside, a sentence per reason."""
        return [
            f"{self.file}: {counted(count, 'row')} kept aside: {reason} ({self._where(reason)})"
            for reason, count in self.reasons.most_common()
        ]

    def _where(self, reason: str) -> str:
        lines = ", ".join(map(str, self.lines[reason][:_EXAMPLES]))
        return f"line {lines}{', ...' if self.reasons[reason] > _EXAMPLES else ''}"


@dataclass
class Table:
    """A table with normalised column names, its lines as index, and what was kept aside of it."""

    name: str
    frame: pd.DataFrame
    aside: Aside

    def drop(self, is_bad: pd.Series[bool], reason: str) -> None:
        """Keep rows aside."""
        if is_bad.any():
            self.aside.add(reason, self.frame.index[is_bad])
            self.frame = self.frame[~is_bad]

    def require(self, columns: Sequence[str]) -> None:
        """Refuse the file when columns are missing.

        Raises:
            UsageError: naming them, and those that are there.
        """
        missing = [name for name in columns if name not in self.frame.columns]
        if missing:
            raise UsageError(
                f"{self.name} has no column {', '.join(map(repr, missing))}.",
                hint=f"It has: {', '.join(map(str, self.frame.columns))}. A mapping says which fact each is.",
            )


def read_table(path: Path, wanted: Iterable[str] | None = None) -> Table:
    """Read a CSV or Parquet (.parquet) file.

    Args:
        path: of the file.
        wanted: normalised names of the columns to keep; None keeps all.

    Raises:
        UsageError: it cannot be read.
    """
    aside = Aside(path.name)
    if path.suffix == ".parquet":
        frame = _parquet(path)
    else:
        file = read_csv(path)
        names = [name for name in file.header if name and (wanted is None or name in set(wanted))]
        cells: dict[str, list[str]] = {name: [] for name in names}
        lines: list[int] = []
        for row in file.rows():
            if row.problem:
                aside.add("The line has another number of fields than the header.", [row.line])
                continue
            lines.append(row.line)
            for name in names:
                cells[name].append(row.cells[name])
        frame = pd.DataFrame(cells, index=lines, dtype=object)
    if frame.empty:
        raise UsageError(f"{path.name} has no rows.", hint="Give a file with a header and at least one row.")
    kept = [name for name in frame.columns if wanted is None or name in set(wanted)]
    return Table(path.name, frame[kept], aside)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error}.", hint="Give the path of a file.") from None
    except pa.ArrowInvalid:
        raise UsageError(f"{path.name} is no Parquet file.", hint="Give it as it was written.") from None
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return frame.rename(columns=lambda name: normalised(str(name)))


def take(table: Table, name: str, spec: Spec) -> pd.Series[Any]:
    """Return a fact or key for every row, null where unknown; rows that cannot be read are kept aside.

    Args:
        table: loses the bad rows.
        name: of the documented fact, or one of ``KEYS``.
        spec: where it is found.
    """
    kind = KEYS[name] if name in KEYS else COLUMNS[name].kind
    if not spec.columns:
        return pd.Series([spec.value] * len(table.frame), index=table.frame.index, dtype=object)
    if kind in ("number", "money"):
        return _number(table, name, spec)
    cells = _where(table, _coded(table.frame[spec.columns[0]], spec), spec)
    if kind == "date":
        return _kept(table, name, cells, _dates(cells), "a date")
    if kind == "yes or no":
        said = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
        read = _objects(cells.map(lambda cell: said.get(str(cell).lower())))
        return _kept(table, name, cells, read, "yes or no")
    choices = COLUMNS[name].choices if name in COLUMNS else ()
    texts = _objects(cells.map(str, na_action="ignore"))
    known = texts.where(texts.isin(choices), None) if choices else texts
    return _kept(table, name, cells, known, " or ".join(choices))


def _dates(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Read dates and times, UTC where no zone is told; what is none is null."""
    texts = _objects(cells.map(str, na_action="ignore"))
    read = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
    return read.dt.tz_localize(None).astype("datetime64[us]")


def _number(table: Table, name: str, spec: Spec) -> pd.Series[Any]:
    total = _plain_number(table, name, spec, spec.columns[0])
    for column in spec.columns[1:]:
        total = total.loc[table.frame.index] + _plain_number(table, name, spec, column)
    total = total.loc[table.frame.index] * spec.scale
    if spec.per:
        divisor = _plain_number(table, name, Spec(), spec.per)
        total = (total.loc[table.frame.index] / divisor).where(divisor > 0)
    if not COLUMNS[name].signed:
        below = total < 0
        table.drop(below, f"{name} is below 0.")
        total = total[~below]
    return _where(table, total.loc[table.frame.index], spec)


def _plain_number(table: Table, name: str, spec: Spec, column: str) -> pd.Series[float]:
    cells = _coded(table.frame[column], spec)
    read = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    return _kept(table, name, cells, read.where(np.isfinite(read)), "a number")


def _kept(table: Table, name: str, cells: pd.Series[Any], read: pd.Series[Any], kind: str) -> pd.Series[Any]:
    """Keep aside the rows whose cell holds something that could not be read."""
    is_bad = cells.notna() & read.isna()
    table.drop(is_bad, f"{name} is not {kind}.")
    return read[~is_bad]


def _coded(cells: pd.Series[Any], spec: Spec) -> pd.Series[Any]:
    """Return the cells, blank ones as None, each replaced by what it stands for."""
    if not spec.values and pd.api.types.is_numeric_dtype(cells):
        return cells
    stripped = cells.astype(object).map(
        lambda cell: (cell.strip() or None) if isinstance(cell, str) else cell
    )
    texts = _objects(stripped)
    return _objects(texts.map(lambda text: spec.values.get(str(text)))) if spec.values else texts


def _objects(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Return cells of any type with None for what is null."""
    objects: pd.Series[Any] = cells.astype(object)
    return objects.where(objects.notna(), None)


def _where(table: Table, cells: pd.Series[Any], spec: Spec) -> pd.Series[Any]:
    for column, text in spec.where.items():
        cells = cells.where(table.frame.loc[cells.index, column].astype(str).str.strip() == text, None)
    return cells
