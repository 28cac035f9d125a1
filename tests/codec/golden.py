"""Write golden.json anew: streams of the shipped model and the digests of their symbols; for new weights only."""

import hashlib
import json
from pathlib import Path

import numpy as np

from core.codec import LearnedCodec


def main() -> None:
    """Code three made-up pictures."""
    codec = LearnedCodec()
    rng = np.random.default_rng(11)
    streams = []
    for height, width, position in ((64, 96, 8), (37, 50, 24), (16, 16, 40)):
        noise = rng.normal(0, 30, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
        picture = np.clip(noise[:height, :width] + 120 + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)
        positions = np.array([position])
        data, symbols = codec.coder.encode(codec.transforms.analyse(picture[None], positions), positions)
        streams.append(
            {
                "data": data[0].hex(), "position": position, "height": height, "width": width,
                "symbols_sha256": hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest(),
            }
        )  # fmt: skip
    text = json.dumps({"model": codec.sha256, "streams": streams}, indent=1)
    (Path(__file__).parent / "golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
