"""Points in time as users type them: ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, time, timezone

from vost.cli.errors import Failure

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FRACTION = re.compile(r"[.,](\d+)")
_ZONE = re.compile(r"([+-]\d{2}):?(\d{2})?$")
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}(:?\d{2})?)?"
)


def parse_moment(text: str) -> datetime:
    """Return the moment that a text names.

    A date alone means the end of that day. Without a zone the moment is in UTC. Between date and
    time there is a ``T`` or a blank.

    Raises:
        Failure: If the text names none.
    """
    stripped = text.strip()
    try:
        if _DATE.fullmatch(stripped):
            day = datetime.strptime(stripped, "%Y-%m-%d")
            return datetime.combine(day, time.max, timezone.utc)
        if _MOMENT.fullmatch(stripped):
            moment = datetime.fromisoformat(_plain(stripped))
            return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    except ValueError:
        pass
    raise Failure(f"Invalid date: {text} (use ISO 8601, e.g. 2024-01-15 or 2024-01-15T14:30:00)")


def _plain(text: str) -> str:
    """Return a moment in the form that each supported Python reads alike."""
    text = text.replace("Z", "+00:00").replace("z", "+00:00")
    date, clock = text[:10], text[11:]
    zone = _ZONE.search(clock)
    suffix = f"{zone[1]}:{zone[2] or '00'}" if zone else ""
    clock = clock[: zone.start()] if zone else clock
    clock = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", clock)
    return f"{date}T{clock}{suffix}"
