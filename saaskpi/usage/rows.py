"""The SQL that reads a file of usage: every cell as text, then typed and judged row by row.

DuckDB reads the files, in batches and on all threads; nothing of a file is held in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from saaskpi.errors import UsageError
from saaskpi.settings import UsageSourceSettings
from saaskpi.usage.heads import Head

KEYS: Final = ("stripe_customer_id", "company_id", "account_id", "domain")
KEY_PREFIXES: Final = ("stripe.metadata.", "hubspot.")
CELLS: Final = ("account", "user", "event", "at", "quantity", "known_at")
"""The cells of a row, in the names of the settings."""
_NEEDED: Final = ("account", "event", "at")
_NOT_JSON: Final = "The line is no JSON."
LATER: Final = ("It lies in the future.", "It is said to be known only in the future.")
"""Reasons that pass with time: a file with such rows is read again when they are due."""


def check_key(source: UsageSourceSettings) -> None:
    """Stop at a kind of account key that there is not.

    Raises:
        UsageError: naming it.
    """
    if source.key in KEYS or any(source.key.startswith(p) and source.key != p for p in KEY_PREFIXES):
        return
    raise UsageError(
        f"The usage file {source.file} has the unknown key {source.key!r}.",
        hint=f"Known: {', '.join(KEYS)}, stripe.metadata.KEY and hubspot.PROPERTY.",
    )


def cells_of(source: UsageSourceSettings, head: Head) -> dict[str, str]:
    """Return which field of the file holds each cell; a cell that the file does not have is left out.

    Raises:
        UsageError: a field that is needed, or that the settings name, is not there.
    """
    found = {}
    for cell in CELLS:
        name = getattr(source, cell)
        if name is None:
            continue
        if name in head.names:
            found[cell] = name
        elif cell in _NEEDED or cell in source.model_fields_set:
            raise UsageError(
                f"The usage file {source.file} has no column {name!r} ({cell}).",
                hint=f"It has {', '.join(head.names) or 'none'}. Name the right one in usage.sources.",
            )
    return found


def rows_sql(source: UsageSourceSettings, head: Head, now: datetime) -> str:
    """Return the SELECT of every row of a file: its typed columns, and why it is no good.

    Columns: those of ``usage_events``, then ``reason`` (null of a good row) and ``told`` (its cells as they
    stand there, null of a good row). Lines of a CSV file that cannot be parted into cells are noted in the
    table ``odd_lines``.

    Args:
        source: the file.
        head: its first lines.
        now: the clock's time, aware; nothing can have been used later.

    Raises:
        UsageError: as :func:`cells_of`.
    """
    cells = cells_of(source, head)
    rows = _csv_rows(source, head, cells) if head.kind == "csv" else _json_rows(source, head, cells)
    quantity = "TRY_CAST(c_quantity AS DOUBLE)" if "quantity" in cells else "CAST(1 AS DOUBLE)"
    known_at = _moment("c_known_at") if "known_at" in cells else '"at"'
    cells_told = ", ".join(f"c_{cell}" for cell in CELLS if cell != "user")
    # Step by step: what stands in a step of its own is worked out once.
    typed = f"""
        SELECT
            NULLIF(TRIM(c_account), '') AS account_key,
            NULLIF(TRIM(c_user), '') AS user_id,
            NULLIF(TRIM(c_event), '') AS event,
            {_moment("c_at")} AS "at",
            {quantity} AS quantity,
            *
        FROM ({rows}) cells"""
    timed = f"SELECT *, {known_at} AS known_at FROM ({typed}) typed"
    judged = f"SELECT *, {_reason(cells, text(plain(now)))} AS reason FROM ({timed}) timed"
    return f"""
        SELECT
            {text(source.key)} AS key_kind,
            account_key,
            user_id,
            event,
            "at",
            quantity,
            known_at,
            {text(source.file.name)} AS source,
            reason,
            CASE WHEN reason IS NOT NULL THEN CONCAT_WS(', ', {cells_told}) END AS told
        FROM ({judged}) judged"""


def _csv_rows(source: UsageSourceSettings, head: Head, cells: Mapping[str, str]) -> str:
    """Read by the place of a column and not by its name, which may stand there twice."""
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(head.names)))
    chosen = ", ".join(
        f"{f'c{head.names.index(cells[cell])}' if cell in cells else 'CAST(NULL AS VARCHAR)'} AS c_{cell}"
        for cell in CELLS
    )
    form = f"""delim = {text(head.delimiter)}, quote = '"', escape = '"', header = true"""
    noted = "store_rejects = true, rejects_table = 'odd_lines', rejects_scan = 'odd_scans'"
    return (
        f"SELECT {chosen}, FALSE AS is_odd FROM read_csv({text(str(source.file))}, {form}, {noted}, "
        f"auto_detect = false, columns = {{{columns}}})"
    )


def _json_rows(source: UsageSourceSettings, head: Head, cells: Mapping[str, str]) -> str:
    """Take every cell out of an object at once; a number comes as the text it is written in."""
    place = "/record" if head.kind == "singer" else ""
    paths = [_pointer(place, cells.get(cell, "")) for cell in CELLS]
    chosen = ", ".join(f"found[{number}] AS c_{cell}" for number, cell in enumerate(CELLS, start=1))
    wanted = ""
    if head.kind == "singer":
        paths += ["/type", "/stream"]
        of_stream = f" AND found[8] = {text(source.stream)}" if source.stream else ""
        wanted = f" WHERE found IS NULL OR (found[7] = 'RECORD'{of_stream})"
    listed = ", ".join(text(path) for path in paths)
    lines = f"read_ndjson_objects({text(str(source.file))}, ignore_errors = true)"
    return (
        f"SELECT {chosen}, found IS NULL AS is_odd "
        f"FROM (SELECT json_extract_string(json, [{listed}]) AS found FROM {lines}) objects{wanted}"
    )


def _reason(cells: Mapping[str, str], clock: str) -> str:
    """Return the expression that says what is wrong with a row, the first thing only."""
    reasons = [
        ("is_odd", _NOT_JSON),
        ("account_key IS NULL", "The account is empty."),
        ("event IS NULL", "The event is empty."),
        ('"at" IS NULL', "The time cannot be read: write it like 2026-10-31T12:00:00Z."),
        ("\"at\" <= TIMESTAMP '1970-01-01'", "It lies before 1970."),
        (f'"at" > TIMESTAMP {clock}', LATER[0]),
    ]
    if "quantity" in cells:
        reasons += [
            ("quantity IS NULL", "The quantity is no number."),
            ("NOT isfinite(quantity)", "The quantity is not finite."),
            ("quantity < 0", "The quantity is below 0."),
        ]
    if "known_at" in cells:
        reasons += [
            ("known_at IS NULL", "When it was known cannot be read."),
            (f"known_at > TIMESTAMP {clock}", LATER[1]),
        ]
    return "CASE " + " ".join(f"WHEN {wrong} THEN {text(words)}" for wrong, words in reasons) + " END"


def _moment(cell: str) -> str:
    """Return the expression for a time: ISO 8601, UTC unless it says else, or (milli)seconds since 1970."""
    return f"""COALESCE(
        TRY_CAST({cell} AS TIMESTAMPTZ) AT TIME ZONE 'UTC',
        CASE
            WHEN regexp_full_match({cell}, '[0-9]{{10}}(\\.[0-9]+)?')
            THEN make_timestamp(CAST(TRY_CAST({cell} AS DOUBLE) * 1000000 AS BIGINT))
            WHEN regexp_full_match({cell}, '[0-9]{{13}}')
            THEN make_timestamp(TRY_CAST({cell} AS BIGINT) * 1000)
        END
    )"""


def _pointer(place: str, name: str) -> str:
    return f"{place}/{name.replace('~', '~0').replace('/', '~1')}"


def plain(moment: datetime) -> str:
    """Return an aware time as UTC text, as SQL writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def text(value: str) -> str:
    """Return an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
