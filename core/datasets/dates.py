"""Dates as art historians write them, as years: "c. 1490", "1503-06", "1520s", "15th century", "before 1600"."""

import re

_RANGE = re.compile(r"(\d{4})\s*(?:-|–|/|to|and)\s*(?:c\.?\s*)?(\d{4}|\d{1,2})(?!\d)")
_DECADE = re.compile(r"(\d{3})0s")
_CENTURY = re.compile(r"(\d{1,2})(?:st|nd|rd|th)[\s-]+(?:century|c\.)")
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_SHARES = {"early": (0, 33), "mid": (34, 66), "late": (67, 99), "first half": (0, 49), "second half": (50, 99)}


def years(text: str) -> tuple[int, int] | None:
    """Return the first and last year that a date speaks of, or None where it speaks of none.

    "c." is passed over; "before" and "after" a year give that year; of several dates the first counts.
    """
    text = text.lower().replace("ca.", "c.").strip()
    if found := _RANGE.search(text):
        begin, rest = int(found[1]), found[2]
        end = int(rest) if len(rest) == 4 else int(found[1][: -len(rest)] + rest)
        if end < begin:  # "1498-02": the next century's
            end += 10 ** len(rest)
        decade = _DECADE.search(text, found.start(2))
        return begin, end + 9 if decade and decade.start() == found.start(2) else end
    if found := _DECADE.search(text):
        decade_start = int(found[1]) * 10
        return decade_start, decade_start + 9
    if found := _YEAR.search(text):
        return int(found[1]), int(found[1])
    if found := _CENTURY.search(text):
        start = (int(found[1]) - 1) * 100
        for words, (low, high) in _SHARES.items():
            if words in text:
                return start + low, start + high
        return start, start + 99
    return None
