"""Colours and textures are measured once, and again only for what is new."""

import numpy as np
import pytest

from core.errors import DamagedFileError, NotPreparedError, StaleError
from core.search import Engine, looks
from core.search.appearance import appearance
from core.search.looks import Looks, measure
from core.settings import Address, Settings
from core.storage import Generations

ADDRESS = Address("mine", "efficientnet_lite0")


def test_what_is_stored_is_what_the_pictures_look_like(settings: Settings, make_gallery) -> None:
    dataset = make_gallery(settings, count=5)
    made, fresh = measure(ADDRESS, settings)
    assert fresh
    again, fresh = measure(ADDRESS, settings)
    assert not fresh
    for record in dataset.catalog.records():
        by_hand = appearance(dataset.load(record))
        for stored in (made.of([record.image_id]), again.of([record.image_id])):
            np.testing.assert_allclose(stored.colour[0], by_hand.colour, atol=5e-4)  # float16
            np.testing.assert_allclose(stored.texture[0], by_hand.texture, atol=5e-4)
    assert not made.of([10**6]).colour.any()
    assert len(made.pairs["colour"]) == len(made.pairs["texture"]) > 0
    assert (np.diff(made.pairs["texture"]) >= 0).all()


def test_only_new_pictures_are_measured_and_an_older_state_says_so(
    settings: Settings, make_gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, count=6, only=range(4))
    measure(ADDRESS, settings)
    engine = Engine(settings)
    assert len(engine.looks("mine").ids) == 4
    dataset = make_gallery(settings, count=6)
    with pytest.raises(StaleError, match="run: python -m core index mine"):
        engine.looks("mine")
    measured = []
    monkeypatch.setattr(looks, "appearance", lambda image: measured.append(1) or appearance(image))
    measure(ADDRESS, settings)
    assert len(measured) == 2
    assert engine.looks("mine").ids.tolist() == dataset.catalog.ids().tolist()


def test_an_unreadable_picture_has_nothing_in_common(settings: Settings, make_gallery) -> None:
    dataset = make_gallery(settings, count=3)
    record = dataset.catalog.records()[1]
    dataset.source_path(record).write_bytes(b"no picture")
    made, _ = measure(ADDRESS, settings)
    assert made.colour.sum(axis=1).tolist() == pytest.approx([1, 0, 1], abs=0.01)
    assert not made.of([record.image_id]).texture.any()


def test_missing_and_damaged_files_say_what_to_run_and_are_made_anew(settings: Settings, make_gallery) -> None:
    make_gallery(settings, count=3)
    with pytest.raises(NotPreparedError, match="run: python -m core index mine"):
        Looks.open(ADDRESS, settings)
    measure(ADDRESS, settings)
    folder = Generations(ADDRESS.index(settings, looks.NAME)).current()
    assert folder
    (folder / "colour.npy").write_bytes(b"x" * (folder / "colour.npy").stat().st_size)
    with pytest.raises(DamagedFileError, match="run: python -m core index mine"):
        Looks.open(ADDRESS, settings)
    _, fresh = measure(ADDRESS, settings)
    assert fresh
    assert len(Looks.open(ADDRESS, settings).ids) == 3
