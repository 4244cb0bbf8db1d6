"""Forgets a HubSpot contact: nothing of it stays in the home folder, the store or the backups.

A contact is known by its id, and by the e-mail addresses, the name and the phone numbers that the landing
tells of it; those are found first and written down in the home, so that an erasure that was cut short is
carried to its end by the next. Then every file below the home and every text of the store is searched. What
is about the contact is deleted; where it is only named (an e-mail to several people, a sentence) it is taken
out of the text. What has been written down is removed last.

The same person as a customer in Stripe stays: invoices must be kept, on a legal ground of their own.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from saaskpi.kept_plans import PLANS
from saaskpi.shelf import SHELF
from warehouse.files import make_directory, replace_file
from warehouse.patches import FOLDER as PATCHES
from warehouse.person import Person
from warehouse.purging import Wanted, find, purge_file, purge_landing, purge_patch
from warehouse.store_purging import is_database, known_from_events, purge_copy, purge_store, scrub

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

PATIENCE: Final = 600.0
"""Seconds for which an erasure waits until others are done in the home."""
_INTENTS: Final = "erasing"
_BESIDE_A_DATABASE: Final = ("-wal", "-shm", "-journal", ".lock")
_LANDING: Final = "raw"

_log = logging.getLogger(__name__)


@dataclass
class Erased:
    """What an erasure found and took out.

    Attributes:
        places: rows per place: a stream, ``store.TABLE``, or a file below the home.
        companies: HubSpot companies that the contacts belonged to; their accounts are to be computed anew.
        under_way: numbers of pulls that began before and may still bring the contact back.
        finished: False while a pull that began before may still bring the contact back; the nightly job, or
            whoever calls :func:`finish_erasures`, then carries the erasure to its end.
    """

    places: Counter[str] = field(default_factory=Counter)
    companies: frozenset[str] = frozenset()
    under_way: frozenset[int] = frozenset()
    finished: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "finished": self.finished,
            "places": dict(sorted(self.places.items())),
            "companies": sorted(self.companies),
        }


def erase(pipeline: Pipeline, contacts: Collection[str], *, dry_run: bool = False) -> Erased:
    """Forget HubSpot contacts; may be called again, and after a crash.

    Args:
        pipeline: over the home.
        contacts: their HubSpot ids.
        dry_run: only count; nothing is changed.

    Raises:
        StoreError: something is in the way (another process, the disk); call it again.
    """
    with pipeline.alone(wait=PATIENCE):
        wanted = find(pipeline.settings.home / _LANDING, contacts)
        told = known_from_events(pipeline.store.engine, wanted.person)
        wanted = Wanted(wanted.person | told, wanted.links)
        if dry_run:
            return _search(pipeline, wanted, write=False)
        intent = _Intent.write(pipeline.settings.home, wanted)
        return _carry_out(pipeline, intent)


def finish_erasures(pipeline: Pipeline) -> bool:
    """Carry on erasures that were cut short or wait for a pull; True when none is left.

    Raises:
        StoreError: something is in the way; call it again.
    """
    if not (pipeline.settings.home / _INTENTS).is_dir():
        return True
    with pipeline.alone(wait=PATIENCE):
        finished = [_carry_out(pipeline, intent).finished for intent in _Intent.all(pipeline.settings.home)]
        return all(finished)


@dataclass
class _Intent:
    """An erasure under way, on disk until nothing is left of the person but this."""

    path: Path
    wanted: Wanted
    waits_for: frozenset[int] | None = None

    @classmethod
    def write(cls, home: Path, wanted: Wanted) -> _Intent:
        intent = cls(make_directory(home / _INTENTS) / f"{secrets.token_hex(8)}.json", wanted)
        intent.save()
        return intent

    @classmethod
    def all(cls, home: Path) -> Iterator[_Intent]:
        for path in sorted((home / _INTENTS).glob("*.json")):
            told = json.loads(path.read_bytes())
            links = frozenset((kind, one) for kind, one in told["links"])
            waits_for = None if told["waits_for"] is None else frozenset(told["waits_for"])
            yield cls(path, Wanted(Person.from_dict(told["person"]), links), waits_for)

    def save(self) -> None:
        told = {
            "person": self.wanted.person.as_dict(),
            "links": sorted(self.wanted.links),
            "waits_for": None if self.waits_for is None else sorted(self.waits_for),
        }
        replace_file(self.path, json.dumps(told).encode())

    def remove(self) -> None:
        self.path.unlink()
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _carry_out(pipeline: Pipeline, intent: _Intent) -> Erased:
    erased = _search(pipeline, intent.wanted, write=True)
    if intent.waits_for is None:
        intent.waits_for = erased.under_way
        intent.save()
    # A reading that began later reads what is clean already.
    erased.finished = not (erased.under_way & intent.waits_for)
    scrub(pipeline.store.engine)
    pipeline.forget()
    if erased.finished:
        intent.remove()
    counts = {"rows": sum(erased.places.values()), "places": len(erased.places)}
    _log.info("a contact was erased", extra={"event": "erased", "counts": counts})
    return erased


def _search(pipeline: Pipeline, wanted: Wanted, *, write: bool) -> Erased:
    home, engine = pipeline.settings.home, pipeline.store.engine
    copied = _copied(home / SHELF, wanted)
    purged = purge_landing(home / _LANDING, wanted, write=write)
    places = Counter({f"{_LANDING}/{stream}": rows for stream, rows in purged.rows.items()})
    for path in _other_files(home, str(engine.url.database)):
        places[str(path.relative_to(home))] = _purge_other(path, wanted.person, write=write)
    for table, rows in purge_store(engine, wanted.person, write=write).items():
        places[f"store.{table}"] = rows
    if write and (copied or purged.rows):
        # Whoever has the copy open makes another: the landing was purged before, by this or a former try.
        shutil.rmtree(home / SHELF, ignore_errors=True)
    places[SHELF] = copied
    return Erased(+places, frozenset(wanted.linked("companies")), purged.under_way)


def _copied(shelf: Path, wanted: Wanted) -> int:
    """Return how many rows of the copy of the landing name a person."""
    return sum(purge_file(path, wanted, write=False) for path in sorted(shelf.rglob("*.parquet")))


def _other_files(home: Path, store: str) -> Iterator[Path]:
    """Return the files below the home but those of the landing, of the store, and of erasures."""
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home).parts
        is_other = inside[0] not in (_LANDING, _INTENTS, SHELF) and not path.name.endswith(_BESIDE_A_DATABASE)
        if is_other and path.is_file() and not path.is_symlink() and str(path.resolve()) != _resolved(store):
            yield path


def _resolved(store: str) -> str:
    return str(Path(store).resolve())


def _purge_other(path: Path, person: Person, *, write: bool) -> int:
    """Take a person out of a file of the home, whatever it is; one that has gone meanwhile holds nothing."""
    try:
        if path.suffix == ".parquet":
            return purge_file(path, Wanted(person), write=write)
        if path.parent.name == PATCHES:
            return purge_patch(path, person, write=write)
        if is_database(path):
            return purge_copy(path, person, write=write)
        # Bytes that are no UTF-8 go through unharmed.
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        hits = sum(person.is_in(line) for line in text.splitlines())
        if hits and write and path.parent.name == PLANS:
            path.unlink()  # one that was changed cannot be applied: its hash says so
        elif hits and write:
            replace_file(path, person.taken_out(text).encode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        return 0
    return hits
