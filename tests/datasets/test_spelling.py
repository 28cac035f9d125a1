"""Which words a mistyped word may stand for."""

from hypothesis import given
from hypothesis import strategies as st

from core.datasets.spelling import Vocabulary, distances, letters_of

WORDS = st.text(alphabet="abcdeé", min_size=1, max_size=9)


def reference(one: str, other: str) -> int:
    """Optimal string alignment as it is defined, letter by letter."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one), len(other)]


@given(WORDS, st.lists(WORDS, min_size=1, max_size=8))
def test_distances_equal_the_definition(word: str, terms: list[str]) -> None:
    assert distances(word, terms).tolist() == [reference(word, term) for term in terms]


@given(WORDS, st.lists(WORDS, min_size=1, max_size=30, unique=True))
def test_leaving_words_out_by_their_letters_loses_none(word: str, terms: list[str]) -> None:
    most = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    near = [term for term in terms if reference(word, term) <= most and most]
    found = Vocabulary(terms).near(word)
    assert set(found) <= set(near)
    assert bool(found) == bool(near)


def test_one_mistake_is_forgiven_from_four_letters_and_two_from_eight() -> None:
    words = Vocabulary(["monet", "manet", "rembrandt", "vermeer", "sea", "1872"])
    assert words.near("rembrant") == ["rembrandt"]
    assert words.near("remrbadnt") == ["rembrandt"]
    assert words.near("vremeer") == ["vermeer"]
    assert words.near("sae") == words.near("1873") == words.near("vrmer") == []


def test_the_first_letter_decides_between_equally_near_words() -> None:
    assert Vocabulary(["bonnet", "monnex", "sonnet"]).near("monnet") == ["monnex"]
    assert Vocabulary(["bonnet", "sonnet"]).near("monnet") == ["bonnet", "sonnet"]


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=20))
def test_the_letters_of_all_terms_are_those_of_each(terms: list[str]) -> None:
    assert Vocabulary(terms)._letters.tolist() == [letters_of(term) for term in terms]


def test_letters_far_apart_may_share_a_bit() -> None:
    assert letters_of("abc") == letters_of("cba") != letters_of("abd")
    assert 0 < letters_of("三十六") < 1 << 64
