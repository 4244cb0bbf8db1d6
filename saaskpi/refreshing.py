"""A few accounts on the way of all: what changed is read anew, computed, planned and applied.

Each step leaves something whole behind (a delta in the landing, a patch of the run's tables, episodes in the
store, what was written in the ledgers) and begins from what it finds, so that a refresh that was broken off
is simply begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import date, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from connectors.touched import Touched
from crm_sync.inputs import Only, crm_rows
from enrichment.computing import OF_ACCOUNTS, compute
from enrichment.health.assessing import Remembered
from enrichment.health.scoring import CUSTOMERS
from enrichment.population import Population
from enrichment.reporting import Reporting
from saaskpi.declared import declared
from saaskpi.errors import SaaskpiError, StoreError
from saaskpi.following import follow_some
from saaskpi.opening import RATES, usage_files
from saaskpi.progress import Report
from saaskpi.rereading import Reread, reread
from saaskpi.results import Written
from saaskpi.shelf import SHELF, Shelf
from saaskpi.slicing import Concerned, Slice, Slicer
from warehouse.files import make_directory
from warehouse.marts import to_frame
from warehouse.patches import Patch, table_bytes
from warehouse.rehearsed import RehearsedEngine, UnfitError

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

PATIENCE: Final = 600.0
"""Seconds for which a refresh waits until others are done in the home: a whole enrichment takes its time."""
FEW_CUSTOMERS: Final = 100
"""With more of them it pays to let the SQL engine think anew."""
REHEARSALS: Final = 3
"""Accounts that are computed before any has to be; a second or so each."""
MOST_CUSTOMERS: Final = 1_500
"""After so many computations of one customer the engine is worn: until it is closed, DuckDB 2.0 holds some 20
KB of each (measured; the values by which rows of files are chosen are among them)."""
FEWEST_ROWS, MOST_ROWS = 5_000, 50_000
"""Rows of deltas are folded into the full reads when they are an eighth of those, within these bounds: until
then they are kept in memory, and a fold writes everything anew."""
_WORKPLACE: Final = "slice"


@dataclass(frozen=True)
class _Known:
    """What is kept of a run between refreshes.

    Attributes:
        version: of the run's tables.
        facts: ``account_facts`` of all customers: nobody else is ranked among.
        rest: the population without them.
    """

    version: str
    facts: pd.DataFrame
    rest: Population


@dataclass(frozen=True)
class _Patched:
    """A patch that was laid over the run.

    Attributes:
        part: whose rows it replaced.
        former: the version of the tables before it.
        version: their version since.
        tables: its rows.
    """

    part: Slice
    former: str
    version: str
    tables: Mapping[str, pa.Table]


class Refresher:
    """Refreshes accounts; keeps what does not change between two refreshes, so the second one is quicker.

    Args:
        pipeline: over the home.
        now: the clock (aware, UTC).

    Attributes:
        band_changes: what the last refresh announces, as an enrichment does; told even if it ends early.
    """

    def __init__(self, pipeline: Pipeline, now: Callable[[], datetime]) -> None:
        self._pipeline = pipeline
        self._now = now
        settings = pipeline.settings
        self._spill = make_directory(settings.home / "tmp")
        limits = settings.engine
        # Statements over a few rows: a second thread costs more than it brings.
        self._engine = RehearsedEngine(limits.memory_limit, 1, self._spill)
        self._shelf = Shelf(
            self._engine,
            pipeline.landing,
            make_directory(settings.home / SHELF),
            limits.memory_limit,
            limits.threads,
        )
        self._slicer = Slicer(
            self._engine,
            self._shelf,
            pipeline.marts,
            lambda: pipeline.store.links(),  # noqa: PLW0108
        )
        self._known: _Known | None = None
        self._patched: _Patched | None = None
        self._declared: tuple[date, Reporting] | None = None
        self._looking: Thread | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._computed = 0
        self._unfolded = 0
        self._is_rehearsed = False
        self.band_changes: list[dict[str, Any]] = []

    @property
    def is_worn(self) -> bool:
        """Whether another one should take its place, for the sake of the memory."""
        return self._computed >= MOST_CUSTOMERS

    def close(self) -> None:
        """Free the memory."""
        self._beside.shutdown()
        self._engine.close()

    def warm(self) -> None:
        """Take in what the landing and the current run hold, so that the next refresh is quick."""
        with self._pipeline.alone():
            self._slicer.update()
            self._rehearse()
            self._tidy()

    def _tidy(self) -> None:
        """Do what the next refresh need not wait for then."""
        self._slicer.forget_ahead()
        self._engine.settle()
        self._pipeline.marts.fold()
        self._unfolded = min(self._unfolded, self._shelf.delta_rows)
        if self._is_heavy():
            self._pipeline.landing.compact()
            self._slicer.update()
            # Beside a pull some cannot be folded; then again when as many have come once more.
            self._unfolded = self._shelf.delta_rows
        elif self._pipeline.landing.merge_deltas():
            self._slicer.update()

    def _is_heavy(self) -> bool:
        """Say whether so many rows of deltas have come that they are to be folded away."""
        most = min(max(FEWEST_ROWS, self._shelf.full_rows // 8), MOST_ROWS)
        return self._shelf.delta_rows - self._unfolded > most

    def _rehearse(self) -> None:
        """Compute a few accounts without keeping them: what computations run is prepared then.

        Once: what is forgotten later is learnt again by the refreshes, without letting any wait.
        """
        if self._is_rehearsed:
            return
        self._is_rehearsed = True
        self._slicer.open_usage(usage_files(self._pipeline.settings, self._now()).files)
        for account in _various(self._pipeline.marts.read("accounts")):
            part = self._slicer.slice_of(Concerned(accounts=frozenset({account})))
            self._work(part, keep=False)
            self._engine.settle()

    def refresh(self, touched: Touched, stage: AbstractContextManager[Report]) -> Written:
        """Bring the accounts of what may have changed up to date, from the vendors to the CRM.

        Args:
            touched: what may have changed.
            stage: told how far it is; what is written is a stage of its own.
        """
        pipeline = self._pipeline
        self.band_changes = []
        with ExitStack() as held:
            # In any case before the writes, and the vendors' answers and the computation leave time for it.
            looking = self._looked_ahead()
            with stage as report:
                found = self._reread(touched)
                held.enter_context(pipeline.alone(wait=PATIENCE))
                follow_some(pipeline, found)
                only = self.recompute(_concerned(touched, found))
                accounts, read = len(only.accounts), sum(found.rows.values())
                report(f"{accounts} accounts, {read} records", accounts=accounts, records=read)
            looking.join()
            try:
                written = pipeline.apply(only=only, beside=self._beside)
            finally:
                self._learn()
            with suppress(SaaskpiError):  # it is written, and whoever comes next tidies up
                self._tidy()
        return written

    def _reread(self, touched: Touched) -> Reread:
        """Read what may have changed anew; what stays as it was is taken out of the files meanwhile."""
        pipeline = self._pipeline
        ahead = self._beside.submit(self._slice_ahead, touched)
        try:
            found = reread(pipeline.landing, pipeline.stripe, pipeline.hubspot, touched, self._now())
        finally:
            wait([ahead])  # the engine serves one at a time
        ahead.result()
        return found

    def _slice_ahead(self, touched: Touched) -> None:
        with suppress(SaaskpiError):  # whatever it is, the slice meets it again and says so
            self._slicer.look_ahead(_named(touched))

    def _looked_ahead(self) -> Thread:
        """Return the thread that looks at the portal; one of a refresh that failed may still be at it."""
        if self._looking is None or not self._looking.is_alive():
            self._looking = Thread(target=self._look_ahead, name="look ahead", daemon=True)
            self._looking.start()
        return self._looking

    def _look_ahead(self) -> None:
        with suppress(SaaskpiError):  # whatever it is, the apply meets it again and says so
            self._pipeline.look_ahead()

    def recompute(self, concerned: Concerned) -> Only:
        """Compute the accounts that are concerned anew and lay them over the current run.

        Returns:
            What is to be planned for.
        """
        if self._pipeline.store.current_run() is None:
            raise StoreError("There is no finished run yet.", hint="Run: saaskpi pull, then saaskpi enrich")
        self._learn()
        self._slicer.update()
        self._slicer.open_usage(usage_files(self._pipeline.settings, self._now()).files)
        part = self._slicer.slice_of(concerned)
        if not part.accounts:
            return Only(part.accounts, part.companies)
        crm = self._beside.submit(crm_rows, self._pipeline.landing, part.companies)
        try:
            self._work(part)
        finally:
            wait([crm])
        return Only(part.accounts, part.companies, crm.result())

    def _work(self, part: Slice, *, keep: bool = True) -> None:
        """Compute a slice, in tables that are kept for the next one if it is small."""
        self._computed += len(part.customers)

        def work() -> None:
            self._compute(part)
            if keep:
                self._keep(part)

        if len(part.customers) <= FEW_CUSTOMERS:
            with suppress(UnfitError), self._engine.rehearsed():
                work()
                return
        with self._engine.inside(_WORKPLACE):
            work()

    def _compute(self, part: Slice) -> None:
        pipeline, settings = self._pipeline, self._pipeline.settings
        now = self._now()
        as_of = settings.instant(now)
        rows = self._slicer.put_rows(part)
        known = self._population()
        is_other = ~known.facts["account_id"].isin(part.accounts)
        accounts, store = sorted(part.accounts), pipeline.store
        remembered = Remembered(
            store.flag_episodes(accounts), store.overrides(accounts), store.band_alerts(accounts)
        )
        is_small = len(part.customers) <= FEW_CUSTOMERS
        with self._engine.unoptimized() if is_small else nullcontext():
            compute(
                self._engine,
                rows.match,
                as_of,
                pipeline.policy,
                pipeline.health,
                remembered,
                self._reporting(as_of.date()),
                pipeline.flags,
                known.rest.among(known.facts[is_other]),
            )

    def _keep(self, part: Slice) -> None:
        """Lay the accounts' rows over the run's tables."""
        ids = {"account_id": part.accounts, "customer_id": part.customers}
        self._engine.run("computed_ids", _ids_sql(ids))
        tables = {
            table: self._engine.arrow(
                f"SELECT * FROM {table} WHERE {key} IN (SELECT id FROM computed_ids WHERE kind = '{key}')"
            )
            for table, key in OF_ACCOUNTS.items()
        }
        contents = {name: table_bytes(table) for name, table in tables.items()}
        changes = self._engine.rows("SELECT * FROM band_changes ORDER BY score, account_id")
        self.band_changes = [row for row in changes if row["account_id"] in part.accounts]
        marts = self._pipeline.marts
        former = marts.version()
        marts.patch(Patch(contents, OF_ACCOUNTS, ids))
        self._pipeline.store.remember(to_frame(tables["flag_episodes"]), to_frame(tables["band_alerts"]))
        self._patched = _Patched(part, former, marts.version(), tables)

    def _learn(self) -> None:
        """Take in the patch that was laid last; nobody need wait for it."""
        new, self._patched = self._patched, None
        if new is None:
            return
        matches, holders = (to_frame(new.tables[name]) for name in ("account_match", "usage_holders"))
        self._slicer.patched(new.part, new.former, new.version, matches, holders)
        known = self._known
        if known is not None and known.version == new.former:
            others = known.facts[~known.facts["account_id"].isin(new.part.accounts)]
            own = _customers(self._engine.framed(new.tables["account_facts"]))
            facts = pd.concat([others, own], ignore_index=True)
            self._known = _Known(new.version, facts, known.rest)

    def _population(self) -> _Known:
        """Return what is known of all accounts, as the current run and its patches have it."""
        marts = self._pipeline.marts
        version = marts.version()
        if self._known is None or self._known.version != version:
            attempts = marts.read("given_up")["attempts"].dropna().tolist()
            rest = Population(
                facts=pd.DataFrame(),
                base=marts.read("cltv_base"),
                lifetimes=marts.read("cltv_lifetimes"),
                firsts=marts.read("crm_firsts"),
                attempts=int(attempts[0]) if attempts else None,
            )
            facts = self._engine.framed(marts.arrow("account_facts"))
            self._known = _Known(version, _customers(facts), rest)
        return self._known

    def _reporting(self, day: date) -> Reporting:
        """Return what the settings declare; files are read once a day."""
        if self._declared is None or self._declared[0] != day:
            settings = self._pipeline.settings
            self._declared = day, declared(settings, settings.home / RATES, day)[0]
        return self._declared[1]


def _customers(facts: pd.DataFrame) -> pd.DataFrame:
    return facts[facts["status"].isin(CUSTOMERS)]


def _various(accounts: pd.DataFrame) -> list[str]:
    """Return an account of each status, the commonest first and twice: what two share is prepared."""
    commonest = accounts["status"].value_counts().index
    first = accounts.drop_duplicates("status").set_index("status")["account_id"]
    chosen = first.reindex(commonest).head(REHEARSALS - 1).tolist()
    return [*chosen[:1], *chosen]


def _named(touched: Touched) -> Concerned:
    """Return what is concerned as far as it is known before anything is read."""
    return Concerned(
        customers=touched.customers,
        companies=frozenset(ref.id for ref in touched.hubspot if ref.kind == "companies"),
        contacts=frozenset(ref.id for ref in touched.hubspot if ref.kind == "contacts"),
        accounts=touched.accounts,
    )


def _concerned(touched: Touched, found: Reread) -> Concerned:
    return Concerned(
        customers=touched.customers | found.customers,
        companies=found.companies,
        contacts=found.contacts,
        accounts=touched.accounts,
    )


def _ids_sql(ids: dict[str, Any]) -> str:
    rows = [
        f"SELECT '{kind}' AS kind, '{one.replace(chr(39), chr(39) * 2)}' AS id"
        for kind, values in ids.items()
        for one in sorted(values)
    ]
    return " UNION ALL ".join(rows) or "SELECT '' AS kind, '' AS id WHERE 1 = 0"
