"""`resisc45`: NWPU-RESISC45, 31,500 aerial pictures of 256 x 256 pixels in 45 classes of scenes.

G. Cheng, J. Han, X. Lu, "Remote Sensing Image Scene Classification: Benchmark and State of the Art", Proceedings of the
IEEE 2017.
"""

import re

from core.datasets.labelled import LabelledFolders

_CLASSES = (
    "airplane airport baseball_diamond basketball_court beach bridge chaparral church circular_farmland cloud "
    "commercial_area dense_residential desert forest freeway golf_course ground_track_field harbor industrial_area "
    "intersection island lake meadow medium_residential mobile_home_park mountain overpass palace parking_lot railway "
    "railway_station rectangular_farmland river roundabout runway sea_ice ship snowberg sparse_residential stadium "
    "storage_tank tennis_court terrace thermal_power_station wetland"
)

DATASET = LabelledFolders(
    name="resisc45",
    title="NWPU-RESISC45",
    kind="satellite",
    licence="for research; pictures from Google Earth",
    citation="G. Cheng, J. Han, X. Lu, Remote Sensing Image Scene Classification, Proceedings of the IEEE 2017",
    homepage="https://gcheng-nwpu.github.io/",
    size="31,500 pictures of 256 x 256 pixels, 404 MB to download by hand (a RAR archive: unpack it)",
    note="One pixel covers 0.2 to 30 m, according to the class.",
    pattern=re.compile(r"(?:^|/)(?P<label>[a-z_]+)/(?P<file>(?P=label)_\d{3}\.(?:jpe?g|png))$"),
    looked_for="<class>/<class>_001.jpg with the 45 classes of NWPU-RESISC45",
    classes=frozenset(_CLASSES.split()),
)
