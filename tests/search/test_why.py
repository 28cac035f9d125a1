"""A curator is told why two pictures were put side by side, and it is true."""

import numpy as np
import pytest

from core.errors import UnknownNameError
from core.search import Engine, Query
from core.search.appearance import alike, appearance
from core.search.calibrate import calibrate
from core.search.looks import measure
from core.search.why import Aspect, Reasons, in_words
from core.settings import Settings


@pytest.fixture(scope="module")
def engine(prepared: Settings) -> Engine:
    engine = Engine(prepared)
    measure(engine.vectors("paintings").address, prepared)
    return engine


@pytest.fixture(scope="module")
def reasons(engine: Engine) -> Reasons:
    return Reasons(engine)


def test_scores_are_those_of_the_two_pictures(engine: Engine, reasons: Reasons) -> None:
    store, dataset = engine.vectors("paintings"), engine.dataset("paintings")
    calibration = calibrate(store.vectors)
    why = reasons.why("paintings", Query.stored(32), 62, calibration=calibration)
    assert [one.name for one in why.aspects] == ["content", "colour", "texture"]
    content, colour, texture = why.aspects
    one, other = store.get([32, 62])
    assert content.score == pytest.approx(float(one @ other), abs=1e-6)
    assert why.heat_of == ""
    assert content.percentile == calibration.of(content.score).percentile
    by_hand = alike(*(appearance(dataset.load(dataset.catalog.get(number))) for number in (32, 62)))
    assert (colour.score, texture.score) == pytest.approx((by_hand["colour"], by_hand["texture"]), abs=0.02)
    pairs = engine.looks("paintings").pairs["colour"]
    assert colour.percentile == pytest.approx(100 * (pairs < colour.score).mean(), abs=0.1)
    assert why.sentence.startswith("Side by side for what they show")


def test_the_heat_adds_up_to_the_similarity_that_was_searched_with(reasons: Reasons) -> None:
    why = reasons.why("paintings", Query.stored(32), 62)
    assert why.heat
    # The maps are made by another export of the network, from pictures decoded at another scale.
    assert why.heat.similarity == pytest.approx(why.aspects[0].score, abs=0.02)
    assert why.heat.here.sum() == pytest.approx(why.heat.similarity, abs=1e-3)
    assert 1 <= len(why.heat.matches) <= 3


def test_an_upload_that_was_cut_is_explained_as_it_was_cut(engine: Engine, reasons: Reasons) -> None:
    file = engine.dataset("paintings").source_path(engine.record("paintings", 41))
    region = (0.0, 0.0, 0.5, 0.5)
    query = Query.picture(file, region)
    why = reasons.why("paintings", query, 41)
    wanted = engine.encode("paintings", query) @ engine.encode("paintings", Query.stored(41))
    assert why.aspects[0].score == pytest.approx(float(wanted), abs=1e-6)
    assert why.heat
    corner = why.heat.there[:4, :4].mean()
    assert corner > why.heat.there[4:, 4:].mean()  # what was cut out lies at the upper left


def test_of_several_pictures_the_nearest_is_explained_unless_another_is_asked_for(reasons: Reasons) -> None:
    query = Query.stored(5).steered(also=(Query.stored(32),), plus=(41,))
    why = reasons.why("paintings", query, 62)
    assert why.picture == 1
    assert len(why.similarities) == 3  # two pictures and a plus
    assert why.similarities[1] == max(why.similarities)
    assert reasons.why("paintings", query, 62, picture=0).aspects[0].score == pytest.approx(why.similarities[0])
    with pytest.raises(ValueError, match="picture must be within"):
        reasons.why("paintings", query, 62, picture=3)


def test_a_result_may_be_there_for_a_plus(reasons: Reasons) -> None:
    query = Query.stored(5).steered(plus=(32,), minus=(41,))
    why = reasons.why("paintings", query, 62)
    assert why.picture == 1
    assert why.aspects[0].score == pytest.approx(reasons.why("paintings", Query.stored(32), 62).aspects[0].score)


def test_of_a_trained_head_the_map_is_of_the_network_below(settings: Settings, make_gallery) -> None:
    from core.search import prepare_gallery

    make_gallery(settings, count=4)
    prepare_gallery("mine@satellite", settings, indexes=["flat"])
    why = Reasons(Engine(settings)).why("mine@satellite", Query.stored(1), 2)
    assert why.heat
    assert why.heat_of == "efficientnet_lite0"
    assert why.to_json()["heat_of"] == "efficientnet_lite0"


def test_what_cannot_be_explained_says_so(engine: Engine, reasons: Reasons) -> None:
    with pytest.raises(ValueError, match="only a picture"):
        reasons.why("paintings", Query.vector(engine.encode("paintings", Query.stored(5))), 62)
    with pytest.raises(UnknownNameError):
        reasons.why("paintings", Query.stored(5), 10**6)


def test_an_encoder_without_feature_maps_still_has_scores(settings: Settings, make_gallery) -> None:
    from core.search import prepare_gallery

    make_gallery(settings, count=6)
    prepare_gallery("mine@histogram", settings, indexes=["flat"])
    why = Reasons(Engine(settings)).why("mine@histogram", Query.stored(1), 2)
    assert why.heat is None
    assert "no feature maps" in why.no_heat
    assert [one.name for one in why.aspects] == ["content"]  # colours were not measured yet
    assert why.to_json()["heat"] is None
    measure(Engine(settings).vectors("mine@histogram").address, settings)
    assert len(Reasons(Engine(settings)).why("mine@histogram", Query.stored(1), 2).aspects) == 3


@pytest.mark.parametrize(
    ("percentiles", "words"),
    [
        ((99, 97, 30), "Side by side for what they show and their colours. Their textures agree no more than"),
        ((99, 85, 70), "Side by side for what they show. Their colours agree more than usual, too."),
        ((85, 70, 70), "Side by side for what they show, which agree more than usual, though not strikingly."),
        ((70, 20, 40), "Little connects these two"),
        ((None, None, None), ""),
        ((None, 99, 99), ""),  # the content is still being measured: colours alone would mislead
    ],
)
def test_words_follow_the_percentiles(percentiles: tuple[float | None, ...], words: str) -> None:
    names = ("content", "colour", "texture")
    aspects = [Aspect(name, 0.5, value) for name, value in zip(names, percentiles, strict=True)]
    assert in_words(aspects).startswith(words)
    assert bool(in_words(aspects)) == bool(words)
    assert np.all([bool(one.sentence) == (one.percentile is not None) for one in aspects])
