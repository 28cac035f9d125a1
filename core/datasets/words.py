"""Words: how the text of a picture and of a person's question is taken apart, so that both meet.

Letters are folded: capitals, accents and ligatures do not count. Chinese, Japanese and Korean writing, which puts no
spaces between words, is taken apart into single signs, and a run of them is found as a run.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.datasets.base import ImageRecord, Value

COLUMNS = ("title", "artist", "place", "label", "notes")
MOST_WORDS = 32  # of a question; the rest is left out, and said so
_ARTIST = {"artist", "artist_in_full", "author", "photographer", "creator", "maker"}
_PLACE = {"place", "country", "region", "city", "location", "culture", "nationality", "school", "surface",
          "climate_band", "hemisphere"}  # fmt: skip
_UNSAID = {"licence", "credit", "source_url"}  # the same sentence at every picture
# Words that carry nothing by themselves; a question of nothing else is taken at its word.
_EMPTY = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "of",
        "on",
        "or",
        "the",
        "this",
        "to",
        "with",
    ]
)
_APART = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_SIGNS}]+|[^\W_{_SIGNS}]+(?:['’][sS](?![^\W_]))?")
_IS_SIGNS = re.compile(rf"[{_SIGNS}]")


@dataclass(frozen=True)
class Word:
    """One word of a text.

    Attributes:
        start, end: where it stands in the text.
        tokens: folded; one, or one for each sign of a writing without spaces.
    """

    start: int
    end: int
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A word of a question.

    Attributes:
        typed: as it was typed.
        tokens: folded.
        begins: whether words that begin with it count, too.
    """

    typed: str
    tokens: tuple[str, ...]
    begins: bool


def words_of(text: str) -> list[Word]:
    """Return the words of a text in their order; signs, emoji and punctuation are none."""
    return [Word(match.start(), match.end(), _tokens(match.group())) for match in _WORD.finditer(text)]


def folded(text: str) -> str:
    """Return the text's tokens with spaces between them: what is put into the index."""
    return " ".join(token for word in words_of(text) for token in word.tokens)


def question(text: str) -> tuple[list[Asked], int]:
    """Return the distinct words that a person asks for, and how many more there were than are used.

    A word also stands for those that begin with it, from its third letter on: the last one may not be finished yet.
    """
    found: dict[tuple[str, ...], str] = {}
    for word in words_of(text):
        found.setdefault(word.tokens, text[word.start : word.end])
    if any(tokens[0] not in _EMPTY for tokens in found):
        found = {tokens: typed for tokens, typed in found.items() if tokens[0] not in _EMPTY}
    asked = [Asked(typed, tokens, len(tokens) == 1 and len(tokens[0]) >= 3) for tokens, typed in found.items()]
    return asked[:MOST_WORDS], max(0, len(asked) - MOST_WORDS)


def columns(title: str, label: str, path: str, fields: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the text of a picture in the order of COLUMNS, folded."""
    texts: dict[str, list[str]] = {name: [] for name in COLUMNS}
    texts["title"].append(title)
    texts["label"].append(label)
    for name, value in fields.items():
        if isinstance(value, str) and name not in _UNSAID:
            texts["artist" if name in _ARTIST else "place" if name in _PLACE else "notes"].append(value)
    texts["notes"].append(path.rsplit(".", 1)[0])
    return tuple(" ".join(filter(None, map(folded, texts[name]))) for name in COLUMNS)


def readable(record: ImageRecord) -> Iterable[tuple[str, str]]:
    """Yield (name, text) of what is searched in a record, as people read it, what matters most first."""
    named = [(name, value) for name, value in record.fields.items() if isinstance(value, str) and name not in _UNSAID]
    order = sorted(named, key=lambda one: 0 if one[0] in _ARTIST else 1 if one[0] in _PLACE else 2)
    yield from (("title", record.title), *order, ("label", record.label), ("path", record.path.rsplit(".", 1)[0]))


@lru_cache(maxsize=65536)
def _tokens(word: str) -> tuple[str, ...]:
    plain = "".join(_APART.get(letter, letter) for letter in re.sub("['’]s$", "", word.casefold()))
    decomposed = unicodedata.normalize("NFKD", plain)
    if _IS_SIGNS.search(word):
        return tuple(unicodedata.normalize("NFKC", word))
    return ("".join(letter for letter in decomposed if letter.isalnum()) or plain,)
