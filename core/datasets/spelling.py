"""Spelling: the words of a vocabulary that a mistyped word may stand for.

Distances count letters that were changed, left out, put in, or exchanged with their neighbour (the optimal string
alignment of F. Damerau, "A technique for computer detection and correction of spelling errors", CACM 1964). Words that
cannot be near are left out by their letters alone: one change adds at most one letter to the set of a word's letters
and takes away at most one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG = 4, 8  # letters from which one and two mistakes are forgiven
_MOST = 3  # readings of one word


class Vocabulary:
    """Words that occur, ready to be compared with a mistyped one.

    Args:
        terms: folded words, all different, none empty.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms = list(terms)
        self._lengths = np.fromiter(map(len, self.terms), np.int64, len(self.terms))
        self._letters = np.zeros(len(self.terms), np.uint64)
        if self.terms:  # letters_of for all terms at once
            letters = np.frombuffer("".join(self.terms).encode("utf-32-le", "surrogatepass"), np.uint32)
            bits = np.uint64(1) << (letters & np.uint32(63)).astype(np.uint64)
            self._letters = np.bitwise_or.reduceat(bits, np.cumsum(self._lengths) - self._lengths)

    def near(self, word: str) -> list[str]:
        """Return the words that `word` may stand for: those with the fewest mistakes, at most three.

        Nothing is forgiven in words of fewer than four letters or with digits; one mistake up to seven letters, two
        from eight on. Of equally near words those with the same first letter come first, as that is rarely mistyped.
        """
        if len(word) < _SHORT or any(letter.isdigit() for letter in word):
            return []
        most = 1 if len(word) < _LONG else 2
        mine = np.uint64(letters_of(word))
        apart = np.maximum(np.bitwise_count(self._letters & ~mine), np.bitwise_count(mine & ~self._letters))
        rows = np.flatnonzero((apart <= most) & (np.abs(self._lengths - len(word)) <= most))
        candidates = [self.terms[row] for row in rows]
        mistakes = distances(word, candidates)
        ranked = sorted(
            (int(count), term[0] != word[0], term)
            for count, term in zip(mistakes, candidates, strict=True)
            if count <= most
        )
        return [term for count, other, term in ranked if (count, other) == ranked[0][:2]][:_MOST]


def letters_of(term: str) -> int:
    """Return a set of 64 bits, one for each letter that occurs; letters far apart in Unicode may share one."""
    letters = 0
    for letter in term:
        letters |= 1 << (ord(letter) & 63)
    return letters


def distances(word: str, terms: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of mistakes between `word` and each term, all at once."""
    if not terms:
        return np.empty(0, np.int64)
    longest = max(map(len, terms))
    texts = np.zeros((len(terms), longest), np.uint32)
    for row, term in enumerate(terms):
        texts[row, : len(term)] = [ord(letter) for letter in term]
    typed = [ord(letter) for letter in word]
    before = np.zeros((len(terms), longest + 1), np.int64)
    now = np.tile(np.arange(longest + 1), (len(terms), 1))  # (n, longest + 1): the row of no letters yet
    for i, letter in enumerate(typed, start=1):
        following = np.empty_like(now)
        following[:, 0] = i
        for j in range(1, longest + 1):
            best = np.minimum(now[:, j], following[:, j - 1]) + 1
            best = np.minimum(best, now[:, j - 1] + (texts[:, j - 1] != letter))
            if i > 1 and j > 1:
                swapped = (texts[:, j - 1] == typed[i - 2]) & (texts[:, j - 2] == letter)
                best = np.where(swapped, np.minimum(best, before[:, j - 2] + 1), best)
            following[:, j] = best
        before, now = now, following
    lengths = np.fromiter(map(len, terms), np.int64, len(terms))
    return now[np.arange(len(terms)), lengths]
