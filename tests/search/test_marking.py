"""Which words of a picture's texts are marked."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.datasets import ImageRecord
from core.datasets.word_index import Read
from core.search.marking import excerpt, matched, spans


def read(*terms: str, begins: bool = True) -> list[Read]:
    return [Read(term, (term,), "word", begins) for term in terms]


def marked(text: str, words: list[Read]) -> list[str]:
    return [text[start:end] for start, end in spans(text, words)]


def test_words_are_marked_as_they_are_written() -> None:
    assert marked("Storms over Cézanne's sea; seaside", read("storm", "cezanne")) == ["Storms", "Cézanne's"]
    assert marked("Storms over the sea; seaside", read("sea", begins=False)) == ["sea"]


def test_runs_of_signs_are_marked_within_longer_ones() -> None:
    assert marked("富嶽三十六景と三十", [Read("三十", ("三 十",), "word", False)]) == ["三十", "三十"]
    assert marked("富嶽", [Read("六", ("六",), "word", False)]) == []


@given(
    st.text(alphabet="ab é富三'.", max_size=200), st.lists(st.sampled_from(["a", "ab", "e", "富", "富 三"]), min_size=1)
)
def test_an_excerpt_is_part_of_the_text_and_holds_the_first_word(text: str, terms: list[str]) -> None:
    found = spans(text, [Read(term, (term,), "word", True) for term in terms])
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(found))
    if found:
        parts = excerpt(text, found)
        assert "".join(part for part, _ in parts).strip("…") in text
        assert next(part for part, is_word in parts if is_word) == text[slice(*found[0])]


def test_an_excerpt_of_a_long_text_is_short() -> None:
    text = "before " * 50 + "storm " + "after " * 50
    parts = excerpt(text, spans(text, read("storm")))
    assert ("storm", True) in parts
    assert len("".join(part for part, _ in parts)) < 120


def test_a_picture_says_where_its_word_stands_first() -> None:
    fields = {"medium": "Oil on storm-beaten wood", "artist": "Unknown", "licence": "storm"}
    record = ImageRecord(1, "a/b.jpg", "0" * 64, 10, 10, "Boat", "label", "", fields)
    found = matched(record, read("storm", "boat"))
    assert (found.field, found.words, found.parts) == ("title", ("Boat", "storm"), (("Boat", True),))
    assert matched(record, read("storm")).field == "medium"
    assert matched(record, read("label")).field == "label"
    assert matched(record, read("xyz")).field == ""
