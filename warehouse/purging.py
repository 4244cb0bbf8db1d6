"""Takes a person out of Parquet files: the raw landing, the tables of runs, the snapshots.

A file is replaced whole by one without the person, under its own name: readers that have it open go on
reading the old one, others read the new one, and a crash leaves one or the other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.deltas import DELTAS, REJECTED, delta_parts
from warehouse.files import replace_file, sync_directory, sync_file, writing
from warehouse.incoming import INCOMING, live, sweep
from warehouse.manifest import MANIFEST, Manifest, locked, write_manifest
from warehouse.patches import Patch, read_patch, table_bytes
from warehouse.person import Person

CONTACTS: Final = "contacts"
_CONTACT_STREAM, _LINK_STREAM, _ANSWER_STREAM = (
    "hubspot_contacts",
    "hubspot_associations",
    "hubspot_feedback_submissions",
)
_OF_THE_PORTAL: Final = ("hubspot_owners", "hubspot_properties", "hubspot_pipelines")
"""Users of the portal and its set-up; nothing of a contact."""
_ENGAGEMENTS: Final = ("calls", "emails", "meetings", "notes", "tasks", "feedback_submissions")
_KEYS: Final = ("id", "from_id", "to_id", "value")
_GONE_FILE: Final = "_gone.parquet"

Links = frozenset[tuple[str, str]]
"""Objects linked to a contact: object type and id."""
Keep = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Wanted:
    """Whom to take out, and what is linked to the contact."""

    person: Person
    links: Links = frozenset()

    def linked(self, object_type: str) -> set[str]:
        """Return the ids of linked objects of a type."""
        return {object_id for kind, object_id in self.links if kind == object_type}

    def near(self, path: Path) -> set[str]:
        """Return the ids of linked engagements of the stream that a file of the landing is of."""
        for stream in (path.parent.parent.name, path.name.rpartition("-")[0]):
            if (kind := stream.removeprefix("hubspot_")) in _ENGAGEMENTS:
                return self.linked(kind)
        return set()


@dataclass
class Purged:
    """What was found, and on which readings under way the rest has to wait."""

    rows: Counter[str] = field(default_factory=Counter)
    under_way: frozenset[int] = frozenset()


def find(root: Path, ids: Iterable[str]) -> Wanted:
    """Return what the landing tells of contacts: every read of them that is still on disk.

    Args:
        root: folder of the landing.
        ids: of HubSpot contacts.
    """
    person = Person(ids=frozenset(ids))
    for path in stream_files(root, _CONTACT_STREAM):
        for row in _rows(path, "_raw", set(person.ids)):
            if str(row.get("id")) in person.ids:
                person |= Person.from_properties(str(row["id"]), row.get("properties") or {})
    links: set[tuple[str, str]] = set()
    for path in stream_files(root, _LINK_STREAM):
        for row in _rows(path, "_raw", set(person.ids)):
            ends = [(str(row.get(f"{end}_object_type")), str(row.get(f"{end}_id"))) for end in ("from", "to")]
            if any(kind == CONTACTS and one in person.ids for kind, one in ends):
                links |= {end for end in ends if not (end[0] == CONTACTS and end[1] in person.ids)}
    return Wanted(person, frozenset(links))


def purge_landing(root: Path, wanted: Wanted, *, write: bool) -> Purged:
    """Take a person out of every file of the landing's HubSpot streams, those that no longer count too.

    Nobody commits to the landing meanwhile. Stripe's streams stay: billing rests on another ground.

    Args:
        root: folder of the landing.
        wanted: whom.
        write: False only counts.

    Returns:
        Rows per stream; ``under_way`` names pulls and compactions that may bring the person back when they
        end.

    Raises:
        StoreError: the disk refuses.
    """
    purged = Purged()
    if not root.is_dir():
        return purged
    with locked(root) as manifest, writing(root):
        if write:
            sweep(root)
        purged.under_way = frozenset(live(root))
        for path in sorted(root.rglob("*.parquet")):
            if INCOMING in path.parts or not (stream := _stream_of(root, path)).startswith("hubspot_"):
                continue
            if stream not in _OF_THE_PORTAL:
                purged.rows[stream] += purge_file(path, wanted, _keep(path, stream, wanted), write=write)
        for path in root.glob(f"{DELTAS}/*/{_GONE_FILE}"):
            purged.rows["_gone"] += purge_file(path, wanted, _keep_rule(wanted), write=write)
        state = _state_without(manifest.state, wanted.person)
        purged.rows["_state"] = state != manifest.state
        if write and +purged.rows:
            manifest.state = state
            _recount(root, manifest)
            manifest.pull += 1
            manifest.erased += 1
            write_manifest(root / MANIFEST, manifest)
    purged.rows = +purged.rows
    return purged


def purge_file(path: Path, wanted: Wanted, keep: Keep | None = None, *, write: bool) -> int:
    """Take a person out of a Parquet file; return how many rows were dropped or changed.

    Args:
        path: the file.
        wanted: whom.
        keep: tells of a row that names the person whether it stays, without the person; None for always.
        write: False only counts.
    """
    near = wanted.near(path)
    with pq.ParquetFile(path) as file:
        hits = sum(_hits(file.read_row_group(n), wanted, near) for n in range(file.num_row_groups))
        if not hits or not write:
            return hits
        incoming = path.with_name(f"{path.name}.purged")
        with pq.ParquetWriter(incoming, file.schema_arrow, compression="zstd", compression_level=1) as out:
            for number in range(file.num_row_groups):
                out.write_table(_without(file.read_row_group(number), wanted, near, keep))
    sync_file(incoming)
    incoming.replace(path)
    sync_directory(path.parent)
    return hits


def purge_patch(path: Path, person: Person, *, write: bool) -> int:
    """Take a person out of a patch of a run's tables; return how many rows were changed."""
    patch, wanted = read_patch(path), Wanted(person)
    tables = {name: patch.rows(name) for name in patch.tables}
    hits = sum(_hits(table, wanted, set()) for table in tables.values())
    if hits and write:
        cleaned = {name: _without(table, wanted, set(), None) for name, table in tables.items()}
        contents = {name: table_bytes(table) for name, table in cleaned.items()}
        replace_file(path, Patch(contents, patch.keys, patch.ids).to_bytes())
    return hits


def stream_files(root: Path, stream: str) -> list[Path]:
    """Return every file of a stream below a landing, whether it counts or not; of rejected rows too."""
    patterns = (f"{stream}/*/*.parquet", f"{DELTAS}/*/{stream}-*.parquet")
    rejected = (f"{REJECTED}/{stream}/*/*.parquet", f"{DELTAS}/*/{REJECTED}/{stream}-*.parquet")
    return sorted(path for pattern in (*patterns, *rejected) for path in root.glob(pattern))


def _stream_of(root: Path, path: Path) -> str:
    parts = path.relative_to(root).parts
    if parts[0] == DELTAS:
        return path.name.rpartition("-")[0]
    return parts[1] if parts[0] == REJECTED else parts[0]


def _rows(path: Path, column: str, texts: set[str]) -> Iterator[dict[str, Any]]:
    """Return the records of a file, from their JSON, in which one of the texts stands."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            raw = file.read_row_group(number, columns=[column]).column(column)
            for text in sorted(texts):
                for value in raw.filter(pc.match_substring(raw, text)).to_pylist():
                    yield json.loads(str(value))


def _keep(path: Path, stream: str, wanted: Wanted) -> Keep:
    if REJECTED in path.parts:
        return lambda row: False
    ids = wanted.person.ids
    if stream == _CONTACT_STREAM:
        return lambda row: row["id"] not in ids
    if stream == _LINK_STREAM:
        return lambda row: (
            not any(
                row[f"{end}_object_type"] == CONTACTS and row[f"{end}_id"] in ids for end in ("from", "to")
            )
        )
    if stream == _ANSWER_STREAM:
        answers = wanted.linked("feedback_submissions")
        return lambda row: row["id"] not in answers
    return lambda row: True


def _keep_rule(wanted: Wanted) -> Keep:
    ids = wanted.person.ids
    streams = (_CONTACT_STREAM, _LINK_STREAM)
    return lambda row: not (row["stream"] in streams and ids & set(str(row["value"]).split("+")))


def _hits(table: pa.Table, wanted: Wanted, near: set[str]) -> int:
    return len(_concerned(table, wanted, near))


def _without(table: pa.Table, wanted: Wanted, near: set[str], keep: Keep | None) -> pa.Table:
    """Return the rows that stay, those that name the person without them."""
    concerned = _concerned(table, wanted, near)
    if not concerned:
        return table
    rows = [row for number in sorted(concerned) for row in table.slice(number, 1).to_pylist()]
    stay = [row for row in rows if keep is None or keep(row)]
    cleaned = [_clean(row, wanted.person, near=row.get("id") in near) for row in stay]
    untouched = table.filter(pa.array([number not in concerned for number in range(table.num_rows)]))
    # Order matters to nobody: rows are told apart by their keys and _seq.
    return pa.concat_tables([untouched, pa.Table.from_pylist(cleaned, table.schema)])


def _concerned(table: pa.Table, wanted: Wanted, near: set[str]) -> set[int]:
    """Return the numbers of the rows that are the contact's, or name the person."""
    person, found = wanted.person, set[int]()
    ids: list[Any] = table.column("id").to_pylist() if near and "id" in table.column_names else []
    answers = wanted.linked("feedback_submissions")
    keys = person.ids | answers
    for name in table.column_names:
        texts = _texts(table.column(name))
        is_key = name in _KEYS
        for number, text in _candidates(texts, [person.hint, *sorted(answers if is_key else ())]):
            is_near = bool(ids) and ids[number] in near
            if keys & set(text.split("+")) if is_key else person.is_in(text, near=is_near):
                found.add(number)
    return found


def _candidates(texts: pa.Array[Any], patterns: list[str]) -> list[tuple[int, str]]:
    """Return the texts that may match, with their numbers: few, so that a slower search can follow."""
    mask = pc.match_substring_regex(texts, "|".join(patterns), ignore_case=True)
    numbers: list[Any] = pc.indices_nonzero(mask).to_pylist()
    return [(number, str(texts[number].as_py())) for number in numbers]


def _texts(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return a column's texts, those of a list joined; none for numbers and times."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts: list[Any] = column.to_pylist()
        return pa.array(texts, pa.string())
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        lists: list[Any] = column.to_pylist()
        return pa.array(["\n".join(filter(None, one or ())) for one in lists], pa.string())
    return pa.array([], pa.string())


def _clean(row: dict[str, Any], person: Person, *, near: bool) -> dict[str, Any]:
    def without(value: Any) -> Any:
        if isinstance(value, str):
            return person.taken_out(value, near=near)
        return [without(one) for one in value] if isinstance(value, list) else value

    return {name: value if name in _KEYS else without(value) for name, value in row.items()}


def _state_without(value: Any, person: Person) -> Any:
    """Return bookmarks without the person: the newest id that was read may be the contact's own."""
    if isinstance(value, dict):
        return {name: _state_without(one, person) for name, one in value.items()}
    if isinstance(value, list):
        return [_state_without(one, person) for one in value]
    if isinstance(value, int) and str(value) in person.ids:
        return value - 1  # what follows it is the same
    return person.taken_out(value) if isinstance(value, str) else value


def _recount(root: Path, manifest: Manifest) -> None:
    """Let the manifest tell how many rows the files hold now."""
    for stream, entry in manifest.streams.items():
        entry.rows = _count(
            part for name in entry.directories for part in (root / stream / name).glob("*.parquet")
        )
        aside = (root / REJECTED / stream / name for name in entry.rejected)
        entry.rejected_rows = _count(part for folder in aside for part in folder.glob("*.parquet"))
    for delta in manifest.deltas:
        folder = root / DELTAS / delta.directory
        delta.streams = {stream: _count(delta_parts(folder, stream)) for stream in delta.streams}
        delta.rejected = {stream: _count(delta_parts(folder / REJECTED, stream)) for stream in delta.rejected}


def _count(files: Iterable[Path]) -> int:
    return sum(int(pq.read_metadata(file).num_rows) for file in files)
