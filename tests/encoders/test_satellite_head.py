"""The head that is shipped with the program."""

from pathlib import Path

from core import encoders
from core.encoders import trained
from core.encoders.head import Head
from core.settings import Settings
from core.storage import read_json, sha256_of

FOLDER = Path(trained.__file__).parent / "heads" / "satellite"


def test_it_is_registered_for_everybody(settings: Settings) -> None:
    assert "satellite" in encoders.names(settings)
    info = encoders.describe("satellite", settings)
    assert info.dim == 96
    assert info.available, info.reason


def test_it_is_small_whole_and_has_a_card() -> None:
    facts = read_json(FOLDER / "encoder.json")
    weights = FOLDER / "weights.safetensors"
    assert weights.stat().st_size <= 1_500_000
    assert sha256_of(weights) == facts["weights_sha256"]
    assert Head.load(weights, keep=facts["keep"], discrete=facts["discrete"]).dim == facts["dim"]
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(word in card for word in ("Learned from", "MIT", "public domain", "224 x 224"))
