"""`ucmerced`: 2,100 aerial pictures of 256 x 256 pixels in 21 classes of land use.

Y. Yang, S. Newsam, "Bag-of-Visual-Words and Spatial Extensions for Land-Use Classification", ACM SIGSPATIAL GIS 2010.
"""

import re
from pathlib import PurePosixPath

from core.datasets.labelled import LabelledFolders

_CLASSES = (
    "agricultural airplane baseballdiamond beach buildings chaparral denseresidential forest freeway golfcourse harbor "
    "intersection mediumresidential mobilehomepark overpass parkinglot river runway sparseresidential storagetanks "
    "tenniscourt"
)

DATASET = LabelledFolders(
    name="ucmerced",
    title="UC Merced Land Use",
    kind="satellite",
    licence="USGS imagery, public domain in the United States",
    citation="Y. Yang, S. Newsam, Bag-of-Visual-Words and Spatial Extensions for Land-Use Classification, ACM GIS 2010",
    homepage="http://weegee.vision.ucmerced.edu/datasets/landuse.html",
    size="2,100 pictures of 256 x 256 pixels, 317 MB to download by hand",
    note="One pixel covers 0.3 m, one picture about 77 m.",
    pattern=re.compile(r"(?:^|/)(?P<label>[a-z]+)/(?P<file>(?P=label)\d{2}\.(?:tif|jpe?g|png))$"),
    looked_for="<class>/<class>00.tif with the 21 classes of UC Merced",
    classes=frozenset(_CLASSES.split()),
    # Published as TIFF: copies in other formats have the folds of the originals.
    published_name=lambda file: PurePosixPath(file).stem + ".tif",
)
