"""Times in the CRM: milliseconds since 1970 UTC inside, ISO 8601 text outside."""

from datetime import UTC, date, datetime, timedelta

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def day_ms(day: date) -> int:
    """Milliseconds since 1970 of midnight UTC at the start of ``day``."""
    return (day - _EPOCH.date()).days * DAY_MS


def to_date(ms: int) -> date:
    """The UTC day that holds the instant."""
    return _EPOCH.date() + timedelta(days=ms // DAY_MS)


def iso(ms: int) -> str:
    """ISO 8601 in UTC as Java's Instant prints it: no fraction when the milliseconds are zero."""
    seconds, millis = divmod(ms, 1000)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def parse_iso(text: str) -> int | None:
    """Milliseconds of an ISO 8601 date or date-time (naive means UTC); None when it is neither."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def parse_instant(text: str) -> int | None:
    """Milliseconds of either form HubSpot takes: epoch milliseconds or ISO 8601."""
    return int(text) if text.lstrip("-").isdigit() and len(text) > 8 else parse_iso(text)
