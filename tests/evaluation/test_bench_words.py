"""The benchmark of words finds what it asks for, in a catalog put together from a small gallery."""

from collections.abc import Callable

from core.evaluation.bench_words import QUESTIONS, bench_words
from core.settings import Settings


def test_every_kind_of_question_is_asked_and_the_rare_word_is_found_also_mistyped(
    settings: Settings, make_gallery: Callable[..., object]
) -> None:
    make_gallery(settings, count=6)
    found = bench_words(settings, "mine", rows=300, rounds=2)
    questions = found["questions"]
    assert set(questions) == set(QUESTIONS)
    assert 0 < questions["a rare word"]["total"] < 300
    assert questions["a rare word, mistyped"]["total"] > 0
    assert questions["an artist"]["total"] == 0  # none of these pictures has one
    assert found["index_bytes"] > 0
    assert all(facts["median_ms"] <= facts["worst_ms"] for facts in questions.values())
