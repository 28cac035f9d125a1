"""`caltech101`: 9,144 pictures in 101 classes of objects and one of clutter.

L. Fei-Fei, R. Fergus, P. Perona, "Learning Generative Visual Models from Few Training Examples", CVPR Workshop 2004.
"""

import re

from core.datasets.download import Mirror
from core.datasets.labelled import LabelledFolders

# The address and sum are those that torchvision's Caltech101 class uses.
DATASET = LabelledFolders(
    name="caltech101",
    title="Caltech-101",
    kind="pictures",
    licence="CC BY 4.0",
    citation="F.-F. Li, M. Andreeto, M. Ranzato, P. Perona, Caltech 101, CaltechDATA 2022, doi:10.22002/D1.20086",
    homepage="https://data.caltech.edu/records/20086",
    size="9,144 pictures of about 300 x 200 pixels, 137 MB to download",
    pattern=re.compile(r"(?:^|/)101_ObjectCategories/(?P<label>[A-Za-z0-9_-]+)/(?P<file>image_\d{4}\.jpe?g)$"),
    looked_for="101_ObjectCategories/<class>/image_0001.jpg",
    mirrors=(
        Mirror(
            "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip", "md5:3138e1922a9193bfa496528edbbc45d0"
        ),
    ),
    download_bytes=137_414_764,
    inner="101_ObjectCategories.tar.gz",
)
