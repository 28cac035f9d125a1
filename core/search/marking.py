"""Marking: where in the texts of a picture the words stand that it was found by."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.datasets import ImageRecord
from core.datasets.word_index import Read
from core.datasets.words import readable, words_of

_AROUND = 16  # characters shown before the first word that was found, and _AFTER behind it
_AFTER = 64


@dataclass(frozen=True)
class Matched:
    """Why a picture was found.

    Attributes:
        words: as they are written in its texts, without repetition.
        field: where the first one stands: "title", "label", "path" or a field of the set; empty if nowhere.
        parts: that text around it, as (text, whether it is one of the words).
    """

    words: tuple[str, ...]
    field: str
    parts: tuple[tuple[str, bool], ...]


def matched(record: ImageRecord, read: Sequence[Read]) -> Matched:
    """Return which words of a record are those that were looked for, and the text where the first one stands."""
    words: dict[str, None] = {}
    field = ""
    parts: tuple[tuple[str, bool], ...] = ()
    for name, text in readable(record):
        found = spans(text, read)
        words.update(dict.fromkeys(text[start:end] for start, end in found))
        if found and not field:
            field, parts = name, excerpt(text, found)
    return Matched(tuple(words), field, parts)


def spans(text: str, read: Sequence[Read]) -> list[tuple[int, int]]:
    """Return (start, end) of the words in a text that were looked for, in their order; they do not overlap."""
    runs = [tuple(term.split()) for word in read for term in word.terms]
    beginnings = tuple(term for word in read if word.begins for term in word.terms)
    found = []
    for word in words_of(text):
        if len(word.tokens) == 1:
            if word.tokens in runs or (beginnings and word.tokens[0].startswith(beginnings)):
                found.append((word.start, word.end))
            continue
        marked = {
            at + step
            for run in runs
            for at in range(len(word.tokens) - len(run) + 1)
            if word.tokens[at : at + len(run)] == run
            for step in range(len(run))
        }
        if len(word.tokens) == word.end - word.start:  # one sign each, as it nearly always is
            found += _joined([word.start + at for at in sorted(marked)])
        elif marked:
            found.append((word.start, word.end))
    return found


def excerpt(text: str, found: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    """Return the text around its first word that was found, cut at spaces, as (text, whether it was found)."""
    first, last = found[0]
    begin = 0 if first <= _AROUND else text.find(" ", first - _AROUND, first) + 1 or first
    end = len(text) if len(text) - last <= _AFTER else text.rfind(" ", last, last + _AFTER)
    end = last if end < last else end
    parts: list[tuple[str, bool]] = [("…", False)] if begin else []
    at = begin
    for start, stop in found:
        if stop > end:
            break
        parts += [(text[at:start], False), (text[start:stop], True)]
        at = stop
    parts += [(text[at:end], False), ("…" if end < len(text) else "", False)]
    return tuple(part for part in parts if part[0])


def _joined(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return runs of neighbouring places as (start, end)."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found
