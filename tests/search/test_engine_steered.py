"""A steered search, on the embedded paintings, with every index that is prepared."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import UnknownNameError
from core.search import Engine, Query
from core.search.appearance import alike, appearance
from core.search.looks import measure
from core.search.steer import rocchio
from core.settings import Settings

INDEXES = ("flat", "faiss-flat", "ivfpq")


@pytest.fixture(scope="module")
def engine(prepared: Settings) -> Engine:
    engine = Engine(prepared)
    measure(engine.vectors("paintings").address, prepared)
    return engine


def ids(engine: Engine, query: Query, k: int = 20, **options: object) -> list[int]:
    return [result.image_id for result in engine.search("paintings", query, k=k, **options).results]


def test_the_vector_is_that_of_rocchio_over_all_pictures(engine: Engine) -> None:
    store = engine.vectors("paintings")
    file = engine.dataset("paintings").source_path(engine.record("paintings", 30))
    query = Query.picture(file).steered(also=(Query.stored(12),), plus=(7, 8), minus=(100,))
    wanted = rocchio(store.get([30, 12]), store.get([7, 8]), store.get([100]))[0]
    assert engine.encode("paintings", query) @ wanted > 0.9999
    outcome = engine.search("paintings", query, k=10)
    similarities = store.get([result.image_id for result in outcome.results]) @ engine.encode("paintings", query)
    np.testing.assert_allclose([result.similarity for result in outcome.results], similarities, atol=1e-5)


def test_a_plus_comes_nearer_and_a_minus_is_gone_with_its_like(engine: Engine) -> None:
    before = ids(engine, Query.stored(5), k=174)
    plus, minus = before[60], before[3]
    after = ids(engine, Query.stored(5).steered(plus=(plus,), minus=(minus,)), k=173)
    assert after.index(plus) < 20
    assert minus not in after
    like = [one for one in ids(engine, Query.stored(minus), k=6)[1:] if one not in (5, plus)]
    assert np.mean([after.index(one) for one in like]) > np.mean([before.index(one) for one in like])


@pytest.mark.parametrize("index", INDEXES)
def test_steering_works_with_every_index_and_with_filters(engine: Engine, index: str) -> None:
    where = {"department": "European Paintings"}
    query = Query.stored(5).steered(plus=(9,), minus=(133,), colour=0.5, variety=0.2, hide_duplicates=True)
    outcome = engine.search("paintings", query, k=12, index=index, where=where)
    assert len(outcome.results) == 12
    assert all(result.record.fields["department"] == "European Paintings" for result in outcome.results)
    assert [result.rank for result in outcome.results] == list(range(1, 13))
    assert 133 not in [result.image_id for result in outcome.results]


def test_colour_alone_sorts_by_colour_alone(engine: Engine) -> None:
    dataset = engine.dataset("paintings")
    query = Query.stored(40).steered(content=0.0, colour=1.0)
    outcome = engine.search("paintings", query, k=12)
    assert outcome.results[0].image_id == 40
    own = appearance(dataset.load(dataset.catalog.get(40)))
    shares = []
    for result in outcome.results:
        shares.append(alike(own, appearance(dataset.load(result.record)))["colour"])
        assert result.scores["colour"] == pytest.approx(shares[-1], abs=0.02)  # decoded smaller, kept in 16 bits
    assert shares == sorted(shares, reverse=True) or np.diff(shares).max() < 0.02
    assert outcome.to_json()["steering"] == {"weights": {"colour": 1.0}}
    assert set(outcome.to_json()["results"][0]["scores"]) == {"content", "colour", "texture", "weighed"}


def test_an_uploaded_copy_looks_like_the_stored_picture(engine: Engine) -> None:
    file = engine.dataset("paintings").source_path(engine.record("paintings", 40))
    steered = {"colour": 1.0, "texture": 1.0}
    assert ids(engine, Query.picture(file).steered(**steered), k=1) == [40]
    assert ids(engine, Query.stored(40).steered(**steered), k=1) == [40]


def test_a_vector_has_no_colour_until_there_is_a_picture(engine: Engine) -> None:
    query = Query.vector(engine.encode("paintings", Query.stored(4))).steered(colour=1.0)
    with pytest.raises(ValueError, match="need a picture"):
        engine.search("paintings", query)
    assert ids(engine, query.steered(plus=(4,), content=0.0), k=1) == [4]


def test_a_vector_made_from_a_steered_picture_keeps_its_colours_and_minuses(engine: Engine) -> None:
    picture = Query.stored(4).steered(minus=(133,))
    query = replace(Query.vector(engine.encode("paintings", picture)), pictured=picture)
    assert 133 in ids(engine, Query.vector(engine.encode("paintings", Query.stored(4))), k=174)
    assert 133 not in ids(engine, query, k=174)
    assert ids(engine, query.steered(colour=1.0, content=0.0), k=1) == [4]


def test_an_unknown_plus_is_named(engine: Engine) -> None:
    with pytest.raises(UnknownNameError, match="no picture 100000"):
        engine.search("paintings", Query.stored(4).steered(plus=(100000,)))


def test_what_cancels_out_is_said(engine: Engine) -> None:
    from core.search.steer import GAMMA

    with pytest.raises(ValueError, match="cancel each other out"):
        rocchio(np.eye(2, dtype=np.float32)[:1] * GAMMA, np.empty((0, 2), np.float32), np.eye(2, dtype=np.float32)[:1])
