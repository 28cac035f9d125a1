"""Searching with words: in the labels, by meaning, and together with a picture.

By meaning, a small package stands in for OpenCLIP: its network sees the colours of a picture, and the sentence "red"
has the vector of a picture that is all red.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from core.cli.app import build
from core.datasets.catalog import Catalog, Row
from core.errors import StaleError, UnavailableError
from core.search import Engine, Query, prepare_gallery, words
from core.settings import Settings
from core.storage import sha256_of

PACKAGE = """
import pathlib, torch

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "night": (5, 5, 15)}
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.visual = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 512))
        self.words = self.visual

    def encode_text(self, tokens):
        colours = torch.tensor([list(COLOURS.values())[at] for at in tokens.tolist()], dtype=torch.float32)
        pixels = (colours / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
        return self.words(pixels[:, :, None, None].expand(-1, 3, 4, 4))

def create_model(name, pretrained):
    assert pathlib.Path(pretrained).is_file()
    return Model()

def get_tokenizer(name):
    def tokenize(texts):
        return torch.tensor([max(range(len(COLOURS)), key=lambda at: list(COLOURS)[at] in text) for text in texts])
    return tokenize

def get_pretrained_cfg(model, tag):
    return {}

def download_pretrained(facts):
    raise OSError("the hub cannot be reached")
"""
GALLERY = "colours@open_clip_vit_b_32"
PICTURES = {"rose": "red", "cherry": "red", "meadow": "green", "frog": "green", "sea": "blue", "sky at night": "night"}
RGB = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "night": (5, 5, 15)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A gallery of plain colours, encoded by the stand-in for OpenCLIP."""
    base = tmp_path_factory.mktemp("words")
    (base / "packages" / "open_clip").mkdir(parents=True)
    (base / "packages" / "open_clip" / "__init__.py").write_text(PACKAGE)
    (base / "weights.safetensors").write_bytes(b"weights")
    settings = Settings(root=base / "root", threads=1)
    catalog = Catalog.create(
        settings.datasets / "colours" / "catalog.sqlite",
        {"title": "Colours", "kind": "pictures", "ready": "1", "source_folder": str(base)},
    )
    rows = []
    for number, (title, colour) in enumerate(PICTURES.items()):
        picture = np.clip(np.array(RGB[colour]) + 3 * number * np.linspace(-1, 1, 64)[:, None, None], 0, 255)
        path = base / f"{number}.png"
        PIL.Image.fromarray(np.broadcast_to(picture, (64, 64, 3)).astype(np.uint8)).save(path)
        rows.append(Row(path.name, sha256_of(path), 64, 64, title, colour))
    catalog.write(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(base / "packages"))
        patch.delitem(sys.modules, "open_clip", raising=False)
        patch.setenv("PENTIMENTO_OPEN_CLIP", str(base / "weights.safetensors"))
        prepare_gallery(GALLERY, settings, indexes=["flat"])
        yield Engine(settings)
        sys.modules.pop("open_clip", None)


def titles(outcome: words.SearchOutcome) -> list[str]:
    return [result.record.title for result in outcome.results]


def test_words_alone_find_labels_and_nothing_is_compared(engine: Engine) -> None:
    outcome = words.search(engine, GALLERY, "green", k=5)
    assert set(titles(outcome)) == {"meadow", "frog"}
    assert outcome.index == "words"
    assert outcome.n_searched == 2
    assert all(math.isnan(result.similarity) for result in outcome.results)
    assert [result["similarity"] for result in outcome.to_json()["results"]] == [None, None]


def test_words_in_the_labels_narrow_and_the_picture_ranks(engine: Engine) -> None:
    night = Query.stored(6)
    everything = titles(engine.search(GALLERY, night, k=6))
    outcome = words.search(engine, GALLERY, "red", night, k=6)
    assert titles(outcome) == [title for title in everything if PICTURES[title] == "red"]
    assert outcome.n_searched == 2


def test_words_and_filters_hold_together(engine: Engine) -> None:
    where = {"label": ["blue", "green"]}
    assert titles(words.search(engine, GALLERY, "sea meadow", k=6, where=where)) == ["meadow", "sea"]
    assert titles(words.search(engine, GALLERY, "sea red", Query.stored(1), k=6, where=where)) == ["sea"]


def test_a_sentence_finds_pictures_by_meaning(engine: Engine) -> None:
    outcome = words.search(engine, GALLERY, "something red", by="meaning", k=2)
    assert set(titles(outcome)) == {"rose", "cherry"}
    assert outcome.timings_ms["encode"] > 0
    assert outcome.results[0].similarity > 0.99


def test_mixing_leads_from_the_picture_to_the_words(engine: Engine) -> None:
    rose = Query.stored(1)
    assert titles(words.search(engine, GALLERY, "night", rose, by="meaning", mix=0, k=6)) == titles(
        engine.search(GALLERY, rose, k=6)
    )
    assert titles(words.search(engine, GALLERY, "night", rose, by="meaning", mix=1, k=1)) == ["sky at night"]
    ranks = [
        titles(words.search(engine, GALLERY, "night", rose, by="meaning", mix=mix, k=6)).index("sky at night")
        for mix in (0, 0.5, 1)
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[2]


def test_at_half_the_words_move_similarities_as_much_as_the_picture(engine: Engine) -> None:
    store = engine.vectors(GALLERY)
    picture = engine.encode(GALLERY, Query.stored(1))
    sentence = words.meaning(engine, GALLERY, "night").values
    ratio = words.spread_ratio(store.vectors, picture, sentence)
    assert np.std(store.vectors @ (ratio * sentence)) == pytest.approx(np.std(store.vectors @ picture), rel=1e-4)


@pytest.mark.parametrize(("mix", "text"), [(-0.1, "red"), (1.1, "red"), (math.nan, "red"), (0.5, "  ")])
def test_a_mix_or_a_text_that_makes_no_sense_is_refused(engine: Engine, mix: float, text: str) -> None:
    with pytest.raises(ValueError, match=r"mix must|say in words"):
        words.meaning(engine, GALLERY, text, Query.stored(1), mix=mix)


def test_more_than_ten_thousand_characters_are_refused_and_as_many_are_not(engine: Engine) -> None:
    assert words.search(engine, GALLERY, "x" * 10_000).results == []
    assert titles(words.search(engine, GALLERY, "red " * 2_500, by="meaning", k=2))
    with pytest.raises(ValueError, match="10,000 characters, got 10,001"):
        words.search(engine, GALLERY, "x" * 10_001)


def test_a_gallery_that_knows_pictures_only_says_what_to_run(engine: Engine) -> None:
    assert words.why_not_by_meaning(engine, GALLERY) == ("", "")
    _, other = words.why_not_by_meaning(engine, "colours")
    assert other == GALLERY
    with pytest.raises(UnavailableError, match="understands words"):
        words.search(engine, "colours", "red", by="meaning")


def test_an_unreachable_hub_and_a_wrong_file_are_explained(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    fresh = Engine(engine.settings)
    monkeypatch.delenv("PENTIMENTO_OPEN_CLIP")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: None)
    assert "PENTIMENTO_OPEN_CLIP" in words.why_not_by_meaning(fresh, GALLERY)[0]
    with pytest.raises(UnavailableError, match=r"the hub cannot be reached.*PENTIMENTO_OPEN_CLIP"):
        words.search(fresh, GALLERY, "red", by="meaning")
    monkeypatch.setenv("PENTIMENTO_OPEN_CLIP", "/nowhere/weights.safetensors")
    assert "is no file" in words.why_not_by_meaning(fresh, GALLERY)[0]
    assert titles(words.search(fresh, GALLERY, "red"))  # labels need none of it


def test_sentences_of_other_weights_are_not_compared(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"other weights")
    monkeypatch.setenv("PENTIMENTO_OPEN_CLIP", str(tmp_path / "other.safetensors"))
    with pytest.raises(StaleError):
        words.search(Engine(engine.settings), GALLERY, "red", by="meaning")


def test_what_was_read_into_the_words_is_said(engine: Engine) -> None:
    def said(text: str) -> list[str]:
        return words.notes(words.understood(engine, GALLERY, text))

    assert said("red rose") == []
    assert said("chery") == ["“chery” does not occur here; looked for “cherry”."]
    assert said("xylophone quartz") == ["“xylophone” and “quartz” do not occur here."]
    assert said("rose sea") == ["No picture has all of these words; these have some of them."]
    assert said("😀") == ["There is no word in this: type letters or digits."]
    assert len(said("x" * 10_000)[0]) < 80


def test_the_command_line_searches_with_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(engine.settings.root))
    run = CliRunner().invoke
    done = run(build(), ["search", GALLERY, "--words", "chery", "--json"])
    answer = json.loads(done.stdout)
    assert [result["metadata"]["title"] for result in answer["results"]] == ["cherry"]
    assert answer["words"]["read"] == [{"typed": "chery", "read_as": ["cherry"], "how": "mistyped"}]
    assert "looked for “cherry”" in done.stderr
    both = run(build(), ["search", GALLERY, "id:6", "--words", "green", "-k", "3"])
    assert both.exit_code == 0
    assert len(both.stdout.splitlines()) == 2
    meant = run(build(), ["search", GALLERY, "--words", "green", "--by", "meaning", "-k", "1"])
    assert "frog" in meant.stdout or "meadow" in meant.stdout
    for options in ([], ["--words", " "], ["--words", "red", "--by", "smell"], ["--words", "red", "--explain"]):
        assert run(build(), ["search", GALLERY, *options]).exit_code == 2
