"""Money in minor units: how many decimals a currency has, one rounding, one way to print it.

Amounts are integers in the minor unit that Stripe's API uses for the currency. That is the ISO 4217
exponent with Stripe's exceptions (https://docs.stripe.com/currencies): MGA has none although ISO gives it
two, and ISK and UGX keep two although ISO gives them none.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from typing import Final

from saaskpi.errors import DataError

_CODES: Final = {
    0: "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf",
    2: """
        aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd cad
        cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl
        hrk htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl ltl lvl mad mdl mkd mmk
        mnt mop mro mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron
        rsd rub sar sbd scr sek sgd shp sle sll sos srd ssp std stn svc szl thb tjs tmt top try ttd twd
        tzs uah ugx usd uyu uzs ves wst xcd xcg yer zar zmw zwg
    """,
    3: "bhd iqd jod kwd lyd omr tnd",
}
_EXPONENTS: Final = {code: decimals for decimals, codes in _CODES.items() for code in codes.split()}
CURRENCIES: Final = tuple(_EXPONENTS)
"""The codes of all currencies that we know, in small letters."""
# French groups with a narrow no-break space.
_MARKS: Final[dict[str, dict[int, str]]] = {"en": {}, "fr": {ord(","): "\u202f", ord("."): ","}}
# French keeps an amount and its currency on one line.
_BEFORE_CURRENCY: Final = {"en": " ", "fr": "\u00a0"}
_SHOWN_DIGITS: Final = 4


def exponent(currency: str) -> int:
    """Return how many decimals the minor unit of ``currency`` stands for.

    Args:
        currency: three-letter ISO 4217 code, any case.

    Raises:
        DataError: the code is not a currency that we know.
    """
    try:
        return _EXPONENTS[currency.lower()]
    except (KeyError, AttributeError):
        raise DataError(f"Currency {currency!r} is not known.", hint="Use an ISO 4217 code.") from None


def to_major(minor: int, currency: str) -> Decimal:
    """Return ``minor`` (integer minor units) in units of ``currency``, exactly: 12900 eur is 129.00."""
    return Decimal(minor).scaleb(-exponent(currency))


def format_money(minor: int, currency: str, language: str = "en") -> str:
    """Return an amount as people write it: ``1,234.50 EUR``, in French ``1 234,50 EUR``.

    Args:
        minor: integer minor units.
        currency: ISO 4217 code, any case.
        language: ``en`` or ``fr``.
    """
    number = f"{to_major(int(minor), currency):,.{exponent(currency)}f}".translate(_MARKS[language])
    return number + _BEFORE_CURRENCY[language] + currency.upper()


def format_exact(minor: str, currency: str, language: str = "en") -> str:
    """Return an exact amount; below the minor unit, cut after some digits and marked so: ``0.1666... EUR``.

    Args:
        minor: minor units, a fraction as text (``500/3``).
        currency: ISO 4217 code, any case.
        language: ``en`` or ``fr``.
    """
    amount = Fraction(minor)
    if amount.denominator == 1:
        return format_money(amount.numerator, currency, language)
    decimals = exponent(currency)
    number = _cut(amount / 10**decimals, decimals + _SHOWN_DIGITS, language)
    return number + _BEFORE_CURRENCY[language] + currency.upper()


def format_number(exact: str, language: str = "en") -> str:
    """Return an exact number, a fraction as text, as people write it: ``12.5``, in French ``12,5``."""
    return _cut(Fraction(exact), _SHOWN_DIGITS, language)


def _cut(value: Fraction, digits: int, language: str) -> str:
    scaled = value * 10**digits
    cut = Decimal(int(scaled)).scaleb(-digits).quantize(Decimal(1).scaleb(-digits), ROUND_DOWN)
    is_whole = scaled.denominator == 1
    text = f"{cut:,f}".rstrip("0").rstrip(".") if is_whole else f"{cut:,f}"
    return text.translate(_MARKS[language]) + ("" if is_whole else "...")


def round_half_even(amount: Fraction) -> int:
    """Round an exact amount to the minor unit, ties to the even neighbour (the one rounding we do)."""
    return round(amount)
