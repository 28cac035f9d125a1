"""Taking texts and questions apart into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.datasets.words import MOST_WORDS, columns, folded, question, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cézanne's Été à Łódź", "cezanne ete a lodz"),
        ("Saint-Malo, 1872 (No. 3)", "saint malo 1872 no 3"),
        ("富嶽三十六景 wave", "富 嶽 三 十 六 景 wave"),
        ("Straße ÆON ﬁne", "strasse aeon fine"),
        ("r12_c03.png", "r12 c03 png"),
        ("😀 — ★ ''", ""),
    ],
)
def test_capitals_accents_ligatures_and_punctuation_do_not_count(text: str, expected: str) -> None:
    assert folded(text) == expected


@given(st.text())
def test_words_stand_where_they_are_said_to_and_hold_only_letters_and_digits(text: str) -> None:
    end = 0
    for word in words_of(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end
        assert word.tokens
        assert all(
            token and '"' not in token and not any(letter.isspace() for letter in token) for token in word.tokens
        )


def test_small_words_are_left_out_of_a_question_unless_there_are_no_others() -> None:
    assert [word.typed for word in question("a storm at the Sea")[0]] == ["storm", "Sea"]
    assert [word.typed for word in question("of the")[0]] == ["of", "the"]


def test_a_word_counts_once_and_too_many_words_are_said_to_be_left_out() -> None:
    assert [word.typed for word in question("Storm storm STORM")[0]] == ["Storm"]
    asked, left_out = question(" ".join(f"word{number}" for number in range(MOST_WORDS + 5)))
    assert (len(asked), left_out) == (MOST_WORDS, 5)


def test_texts_go_to_their_columns_and_licences_to_none() -> None:
    fields = {"artist": "Monet", "culture": "French", "medium": "Oil", "licence": "CC0", "credit": "Gift", "year": 1872}
    assert columns("Storm", "seas", "a/b_c.jpg", fields) == ("storm", "monet", "french", "seas", "oil a b c")
