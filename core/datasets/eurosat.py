"""`eurosat`: 27,000 Sentinel-2 tiles of 64 x 64 pixels in ten classes of land cover.

P. Helber, B. Bischke, A. Dengel, D. Borth, "EuroSAT: A Novel Dataset and Deep Learning Benchmark for Land Use and Land
Cover Classification", IEEE JSTARS 2019.
"""

import re

from core.datasets.download import Mirror
from core.datasets.labelled import LabelledFolders

_CLASSES = "AnnualCrop Forest HerbaceousVegetation Highway Industrial Pasture PermanentCrop Residential River SeaLake"

# The addresses and sums are those that torchvision's EuroSAT class uses, and the authors' own deposit.
DATASET = LabelledFolders(
    name="eurosat",
    title="EuroSAT (RGB)",
    kind="satellite",
    licence="MIT (data set); Copernicus Sentinel data, free and open",
    citation="P. Helber, B. Bischke, A. Dengel, D. Borth, EuroSAT, IEEE JSTARS 2019",
    homepage="https://github.com/phelber/EuroSAT",
    size="27,000 tiles of 64 x 64 pixels, 90 MB to download",
    note="One pixel covers 10 m, one tile 640 m.",
    pattern=re.compile(r"(?:^|/)(?P<label>[A-Za-z]+)/(?P<file>(?P=label)_\d+\.(?:jpe?g|png))$"),
    looked_for="<Class>/<Class>_<number>.jpg with the ten classes of EuroSAT",
    mirrors=(
        Mirror(
            "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
            "md5:c8fa014336c82ac7804f0398fcb19387",
        ),
        Mirror("https://zenodo.org/records/7711810/files/EuroSAT_RGB.zip", "md5:f46e308c4d50d4bf32fedad2d3d62f3b"),
    ),
    download_bytes=95_000_000,
    classes=frozenset(_CLASSES.split()),
)
