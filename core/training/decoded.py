"""Pictures decoded once to an array at training size, so that the loader never waits for JPEG again."""

import numpy as np
from PIL import Image as Pillow

from core.datasets.parallel import in_order
from core.settings import Settings
from core.storage import atomic_path, digest, require_space
from core.training.pictures import Pictures
from core.types import Image, Progress, no_progress


def decoded(pictures: Pictures, size: int, settings: Settings, progress: Progress = no_progress) -> Image:
    """Return (N, size, size, 3) pixels, mapped from a file that is kept for the next run.

    Raises:
        StorageError: too little disk.
    """
    count = len(pictures.records)
    state = digest([record.sha256 for record in pictures.records], pictures.domains.tolist(), size, 1)
    path = settings.cache / "decoded" / f"{state}.npy"
    if not path.is_file():
        require_space(settings.cache, 3 * size * size * count, "decoded pictures")

        def one(row: int) -> Image:
            image = pictures.sets[int(pictures.domains[row])].load(pictures.records[row], min_side=size)
            resized = Pillow.fromarray(image).resize((size, size), Pillow.Resampling.BICUBIC, reducing_gap=3.0)
            return np.asarray(resized)

        with atomic_path(path) as temporary:
            temporary.touch()
            # The temporary name does not end in .npy, and open_memmap leaves names as they are.
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
            for done, pixels in enumerate(in_order(one, range(count), settings.threads), start=1):
                array[done - 1] = pixels
                if done % 64 == 0 or done == count:
                    progress(done, count, "decoding pictures")
            array.flush()
    loaded: Image = np.load(path, mmap_mode="r", allow_pickle=False)
    return loaded
