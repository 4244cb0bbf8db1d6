"""What the simulated company sells: products, prices in three currencies, coupons and one billing meter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.billing.ids import IdSource
from sandbox.billing.records import Coupon, Meter, Price, Product, Store, Tier

CURRENCIES = {"eur": 1, "usd": 1, "jpy": 160}
INTERVALS = {"week": ("week", 1), "month": ("month", 1), "quarter": ("month", 3), "year": ("year", 1)}
# a longer commitment is cheaper: price of a cycle as a multiple of the monthly price, in percent
_CYCLE_PERCENT = {"week": 26, "month": 100, "quarter": 285, "year": 1_000}

PLANS = {"starter": 1_900, "growth": 4_900, "scale": 9_900}  # minor units per seat and month, EUR
CONNECTORS = (
    "Calendar", "Chat", "Ledger", "Ticketing", "Survey", "Mailer", "Warehouse", "Sheets", "Forms", "Phone",
    "Payroll", "Signature", "Files", "Maps", "Orders", "Returns", "Stock", "Ads", "Reviews", "Events",
    "Translation", "Backup", "Audit", "Single-Sign-On",
)  # fmt: skip


@dataclass(slots=True)
class Catalogue:
    """Everything on offer, by lookup key (prices) and by id (products, coupons)."""

    products: dict[str, Product] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    meters: list[Meter] = field(default_factory=list)

    def price(self, product: str, interval: str, currency: str) -> Price:
        """Return the price with this product key, interval key and currency."""
        return self.prices[f"{product}-{interval}-{currency}"]

    def store(self, store: Store) -> None:
        """Hand every record to the store."""
        for product in self.products.values():
            store.add("product", product)
        for price in self.prices.values():
            store.add("price", price)
        for coupon in self.coupons.values():
            store.add("coupon", coupon)
        for meter in self.meters:
            store.add("billing.meter", meter)


def make_catalogue(seed: int, created: int) -> Catalogue:
    """Return the catalogue; ids depend on the seed, terms do not.

    Args:
        seed: of the world.
        created: when everything was set up (seconds since the epoch), before the first customer.
    """
    builder = _Builder(IdSource(f"{seed}:catalogue"), created)
    builder.plans()
    builder.usage()
    builder.add_ons()
    builder.coupons()
    return builder.catalogue


class _Builder:
    def __init__(self, ids: IdSource, created: int) -> None:
        self.ids, self.created, self.catalogue = ids, created, Catalogue()

    def _product(self, key: str, name: str, description: str, unit: str) -> Product:
        product = Product(self.ids.next("prod"), name, description, unit, self._later())
        self.catalogue.products[key] = product
        return product

    def _later(self) -> int:
        self.created += 60
        return self.created

    def _offers(self, intervals: str) -> Iterator[tuple[str, str, int, int]]:
        """Yield (interval key, currency, currency factor, percent of the monthly price)."""
        for key in intervals.split():
            for currency, factor in CURRENCIES.items():
                yield key, currency, factor, _CYCLE_PERCENT[key]

    def _price(
        self,
        product_key: str,
        interval_key: str,
        currency: str,
        *,
        unit: str | None = None,
        tiers: tuple[Tier, ...] = (),
        tiers_mode: str | None = None,
        package: tuple[int, str] | None = None,
        meter: str | None = None,
    ) -> None:
        interval, count = INTERVALS[interval_key]
        key = f"{product_key}-{interval_key}-{currency}"
        self.catalogue.prices[key] = Price(
            id=self.ids.next("price", 24),
            key=key,
            product=self.catalogue.products[product_key],
            currency=currency,
            interval=interval,
            interval_count=count,
            created=self._later(),
            unit=unit,
            tiers=tiers,
            tiers_mode=tiers_mode,
            package=package,
            meter=meter,
            active=product_key != "starter" or interval_key != "quarter",
        )

    def plans(self) -> None:
        """Seats: three per-unit plans (one price archived), a free one, a weekly pilot, two tiered ones."""
        for plan, monthly in PLANS.items():
            self._product(plan, plan.capitalize(), f"{plan.capitalize()} plan, per seat", "seat")
            for key, currency, factor, percent in self._offers("month quarter year"):
                self._price(plan, key, currency, unit=str(_in(currency, monthly * factor * percent // 100)))
        self._product("free", "Free", "Free plan, up to three seats", "seat")
        self._product("pilot", "Pilot", "Four weeks to try the Growth plan with a team", "seat")
        for key, currency, factor, percent in self._offers("week"):
            self._price("pilot", key, currency, unit=str(_in(currency, 4_900 * factor * percent // 100)))
        for key, currency, _, _ in self._offers("month"):
            self._price("free", key, currency, unit="0")
        self._product("team", "Team", "Team plan: one price per seat for all, falling with the size", "seat")
        self._product("enterprise", "Enterprise", "Enterprise plan: graduated seats with a base fee", "seat")
        for key, currency, factor, percent in self._offers("month year"):
            scale = factor * percent
            self._price("team", key, currency, tiers_mode="volume", tiers=_volume(currency, scale))
            self._price(
                "enterprise", key, currency, tiers_mode="graduated", tiers=_graduated(currency, scale)
            )

    def usage(self) -> None:
        """Decimal unit amounts, packages, and calls billed by a meter after the fact."""
        meter = Meter(self.ids.next("mtr", 24), "API calls", "api_calls", self._later())
        self.catalogue.meters.append(meter)
        self._product("api", "API calls", "Calls to the public API, billed after use", "call")
        self._product("storage", "Storage", "Stored records", "record")
        self._product("messages", "Messages", "Messages, in packages of 1,000", "message")
        for key, currency, factor, percent in self._offers("month"):
            self._price(
                "api", key, currency, unit=_decimal(currency, 125 * factor * percent, 100_000), meter=meter.id
            )
        for key, currency, factor, percent in self._offers("month year"):
            self._price("storage", key, currency, unit=_decimal(currency, 125 * factor * percent, 100_000))
            self._price(
                "messages",
                key,
                currency,
                unit=str(_in(currency, 700 * factor * percent // 100)),
                package=(1_000, "up"),
            )

    def add_ons(self) -> None:
        """Flat add-ons: support, and enough connectors to fill more than one page of items."""
        self._product("support", "Premium support", "Answers within the hour", "flat")
        for key, currency, factor, percent in self._offers("month quarter year"):
            self._price("support", key, currency, unit=str(_in(currency, 14_900 * factor * percent // 100)))
        for index, name in enumerate(CONNECTORS):
            product_key = f"connector-{index + 1}"
            self._product(product_key, f"{name} connector", f"Keeps {name.lower()} in step", "connector")
            for key, currency, factor, percent in self._offers("month year"):
                amount = (900 + 150 * (index % 5)) * factor * percent // 100
                self._price(product_key, key, currency, unit=str(_in(currency, amount)))

    def coupons(self) -> None:
        """Every duration in percent and in money, one for everything, some for one product only."""
        growth, support = self.catalogue.products["growth"].id, self.catalogue.products["support"].id
        self._coupon("NGO20", "forever", percent_off="20")
        self._coupon("PARTNER12", "forever", percent_off="12.5")
        self._coupon("FRIENDS100", "forever", percent_off="100")
        self._coupon("GROWTH10", "forever", percent_off="10", products=(growth,))
        self._coupon("WELCOME50", "once", percent_off="50")
        self._coupon("LAUNCH30", "repeating", percent_off="30", months=3)
        self._coupon("STAY25", "repeating", percent_off="25", months=6)
        for currency, factor in CURRENCIES.items():
            self._coupon(
                f"LOYAL-{currency}", "forever", amount_off=_in(currency, 2_500 * factor), currency=currency
            )
            self._coupon(
                f"HELLO-{currency}", "once", amount_off=_in(currency, 3_000 * factor), currency=currency
            )
            self._coupon(
                f"HELPING-{currency}",
                "forever",
                amount_off=_in(currency, 5_000 * factor),
                currency=currency,
                products=(support,),
            )

    def _coupon(
        self,
        code: str,
        duration: str,
        *,
        percent_off: str | None = None,
        amount_off: int | None = None,
        currency: str | None = None,
        months: int | None = None,
        products: tuple[str, ...] = (),
    ) -> None:
        self.catalogue.coupons[code] = Coupon(
            id=code,
            name=code.replace("-", " ").capitalize(),
            created=self._later(),
            duration=duration,
            months=months,
            percent_off=percent_off,
            amount_off=amount_off,
            currency=currency,
            products=products,
        )


def _in(currency: str, hundredths: int) -> int:
    """Return an amount in hundredths of the main unit in the currency's minor units (yen have none)."""
    return hundredths // 100 if currency == "jpy" else hundredths


def _decimal(currency: str, amount: int, divisor: int) -> str:
    """Return ``amount / divisor`` in minor units as decimal text, such as "0.125"."""
    exact = Decimal(amount) / Decimal(divisor * (100 if currency == "jpy" else 1))
    return format(exact.normalize(), "f")


def _volume(currency: str, scale: int) -> tuple[Tier, ...]:
    def money(monthly: int) -> str:
        return str(_in(currency, monthly * scale // 100))

    return (
        Tier(10, money(3_900), None),
        Tier(50, money(3_400), money(2_000)),
        Tier(None, money(2_900), money(5_000)),
    )


def _graduated(currency: str, scale: int) -> tuple[Tier, ...]:
    def money(monthly: int) -> str:
        return str(_in(currency, monthly * scale // 100))

    return (
        Tier(20, money(4_500), money(30_000)),
        Tier(100, money(3_600), None),
        Tier(None, _decimal(currency, 2_750 * scale * 10 + 25, 1_000), None),
    )
