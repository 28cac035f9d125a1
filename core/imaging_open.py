"""Opening picture files: told by content, checked from the header, and with errors that a person understands."""

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO

from PIL import Image as PillowImage
from PIL.Image import Image as Pillow

from core.errors import ImageError
from core.imaging_kinds import HEAD_BYTES, READABLE, REFUSED, jxl_size, kind_of
from core.settings import Settings

LEAST_SIDE = 2  # pixels; a single row or column shows nothing

_TIFF_SAMPLES = 277
_PLUGINS = {  # kind: module that registers it with Pillow
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "PPM": "PIL.PpmImagePlugin",
    "JPEG2000": "PIL.Jpeg2KImagePlugin",
    "JXL": "pillow_jxl",
    "HEIC": "pillow_heif",
}
_MISSING = {
    "JXL": "is a JPEG XL picture; to read it: pip install pillow-jxl-plugin",
    "HEIC": "is a HEIC picture, which needs a decoder: pip install pillow-heif, or save it as JPEG",
    "AVIF": "is an AVIF picture, which this Pillow was built without; save it as JPEG",
}
# What Pillow's plugins raise for broken files, apart from ImageError.
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, struct.error, EOFError, OverflowError),
    RuntimeError,  # the JPEG XL decoder's
)
_PIL_MODULES = re.compile(r"(PIL|pillow_jxl|pillow_heif)\.")
_loading = threading.Lock()


@contextmanager
def opened(source: Path | str | bytes, name: str, max_pixels: int | None) -> Iterator[tuple[Pillow, str]]:
    """Yield Pillow's picture with its header read and checked, and its kind."""
    _quiet_pillow()
    try:
        if not isinstance(source, bytes) and Path(source).exists() and not Path(source).is_file():
            raise ImageError(f"{name} is a folder or a device, not a picture")
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file:
            kind = _readable_kind(file.read(HEAD_BYTES), name)
            file.seek(0)
            if kind == "JXL":  # its plugin decodes when it opens
                with decoding(name):
                    check_size(*jxl_size(file.read()), max_pixels, name)
                file.seek(0)
            with decoding(name):
                picture = _header(file, kind, name)
            with picture:
                check_size(*picture.size, max_pixels, name)
                yield picture, kind
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist") from None
    except PermissionError:
        raise ImageError(f"{name} may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # a name too long, a failing disk, a zero byte in a name
        raise ImageError(f"{name} cannot be read: {error}") from error


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn what Pillow's decoders raise for broken files into ImageError."""
    try:
        yield
    except MemoryError:
        raise ImageError(f"{name} needs more memory than there is") from None
    except PillowImage.DecompressionBombError:
        raise ImageError(f"{name} is refused: it would unpack to too many pixels") from None
    except BROKEN as error:
        reason = "is truncated" if "truncated" in str(error).lower() else f"is damaged and cannot be decoded ({error})"
        raise ImageError(f"{name} {reason}") from error


def check_size(width: int, height: int, max_pixels: int | None, name: str) -> None:
    limit = Settings.max_pixels if max_pixels is None else max_pixels
    if width * height > limit:
        raise ImageError(
            f"{name} has {width} x {height} pixels ({width * height / 1e6:.0f} million); "
            f"pictures above {limit / 1e6:.0f} million are refused"
        )
    if min(width, height) < LEAST_SIDE:
        raise ImageError(f"{name} has {width} x {height} pixels; at least {LEAST_SIDE} x {LEAST_SIDE} are needed")


def _readable_kind(head: bytes, name: str) -> str:
    if not head:
        raise ImageError(f"{name} is empty (0 bytes)")
    kind = kind_of(head)
    if kind is None:
        raise ImageError(f"{name} is not a picture that can be read (JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, ...)")
    if kind not in READABLE:
        raise ImageError(f"{name} {REFUSED[kind]}")
    return kind


def _header(file: IO[bytes], kind: str, name: str) -> Pillow:
    """Let the one plugin of that kind read the header (Pillow's own `open` has a limit of pixels that is not ours)."""
    pillow_kind = {"HEIC": "HEIF"}.get(kind, kind)
    if pillow_kind not in PillowImage.OPEN:
        with _loading:
            try:
                plugin = import_module(_PLUGINS[kind])
            except ImportError:
                raise ImageError(f"{name} {_MISSING[kind]}") from None
            if kind == "HEIC":
                plugin.register_heif_opener()
        if pillow_kind not in PillowImage.OPEN:
            raise ImageError(f"{name} {_MISSING.get(kind, 'cannot be read by this Pillow')}")
    if kind == "TIFF":
        _check_bands(file, name)
    factory = PillowImage.OPEN[pillow_kind][0]
    return factory(file, name)


def _check_bands(file: IO[bytes], name: str) -> None:
    """Refuse a TIFF of more than four bands: which three of them to show is the person's decision.

    Of four bands the fourth is taken as alpha or as the K of CMYK where the file says so, and is ignored otherwise.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    header = file.read(8)
    if header[2:3] == b"+" or header[3:4] == b"+":  # BigTIFF has a header of sixteen bytes
        header += file.read(8)
    directory = ImageFileDirectory_v2(header)
    file.seek(directory.next)
    directory.load(file)
    file.seek(0)
    bands = directory.get(_TIFF_SAMPLES, 1)
    if bands > 4:
        raise ImageError(
            f"{name} is a TIFF of {bands} bands; export the three to be shown as an RGB picture "
            "(for example: gdal_translate -b 4 -b 3 -b 2 in.tif out.tif)"
        )


def _quiet_pillow() -> None:
    """Keep Pillow's warnings (odd EXIF, many pixels) from the console: what matters is raised as ImageError.

    A filter, and not `catch_warnings`, which is not safe between threads.
    """
    entry = ("ignore", None, Warning, _PIL_MODULES, 0)
    if entry not in warnings.filters:
        with _loading:
            warnings.filterwarnings("ignore", module=_PIL_MODULES.pattern)
