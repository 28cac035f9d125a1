"""Galleries of pictures behind an address: each is read once, its thumbnail kept here, the picture left where it is."""

from pathlib import PurePosixPath

from core import storage
from core.datasets.base import thumbnail_path
from core.datasets.builder import BATCH, add_thumbnail, building, drop_orphans, size_of
from core.datasets.catalog import CATALOG, Catalog, Row
from core.datasets.importing import ImportReport
from core.datasets.parallel import in_order
from core.datasets.registry import SETS, gallery_folder
from core.datasets.remote import Remote, RemoteFile
from core.errors import ImageError, NotPreparedError
from core.settings import Settings, check_name
from core.types import Progress, no_progress

_AT_ONCE = 16  # files under way: they are waited for, not worked on


def import_remote(
    url: str, name: str, settings: Settings, progress: Progress = no_progress, *, title: str = ""
) -> ImportReport:
    """Make a gallery of the pictures behind an address, or bring it up to date; interrupted, run it again.

    The label of a picture is its folder. A file counts as unchanged while its size and mark are those of the last time.

    Raises:
        ValueError: the name is not allowed, or taken by another gallery.
        NotPreparedError: there is no picture.
        UnavailableError: what reads such addresses is not installed.
        DownloadError: the server cannot be reached; what was imported is kept.
        StorageError: too little disk, or another process is importing.
    """
    check_name(name)
    if name in SETS:
        raise ValueError(f"{name!r} is the name of a published set; choose another --name")
    remote, target = Remote(url), settings.datasets / name
    with building(name, settings), storage.storage_errors(target):
        exists = (target / CATALOG).is_file()
        if exists and (own := Catalog(target / CATALOG).meta().get("source_url", "")) != remote.url:
            raise ValueError(f"there is a gallery {name!r} of {own or 'other pictures'} already; choose another --name")
        files = remote.pictures()
        if not files:
            raise NotPreparedError(f"{remote.url} holds no pictures; nothing was imported")
        facts = {"kind": "pictures", "source_url": remote.url}
        if not exists or title:
            facts["title"] = title or name
        catalog = Catalog.create(target / CATALOG, facts if exists else {**facts, "ready": ""})
        has_thumbnails = bool(catalog.meta().get("thumbnails_url"))
        known = {fact.path: fact for fact in catalog.files()}
        added = changed = 0
        rows: list[Row] = []
        skipped: list[tuple[str, str]] = []

        def finish(file: RemoteFile) -> Row | tuple[str, str] | None:
            fact = known.get(file.path)
            is_known = fact is not None and (fact.size, fact.mtime_ns) == (file.size, file.mark)
            if fact and is_known and (has_thumbnails or size_of(thumbnail_path(target, fact.sha256))):
                return None
            try:
                sha256, width, height = add_thumbnail(
                    target, remote.read(file.path), file.path, max_pixels=settings.max_pixels
                )
            except ImageError as error:
                return file.path, str(error)
            parts = PurePosixPath(file.path)
            label = "" if str(parts.parent) == "." else str(parts.parent)
            return Row(file.path, sha256, width, height, parts.stem, label, size=file.size, mtime_ns=file.mark)

        what = f"importing {name}"
        for done, result in enumerate(in_order(finish, files, _AT_ONCE), 1):
            progress(done, len(files), what)
            if isinstance(result, Row):
                before = known.get(result.path)
                added += before is None
                changed += before is not None and before.sha256 != result.sha256
                rows.append(result)
            elif result is not None:
                skipped.append(result)
            if len(rows) >= BATCH:
                catalog.write(rows)
                rows.clear()
        wanted = {file.path for file in files} - {path for path, _ in skipped}
        gone = [fact.image_id for fact in known.values() if fact.path not in wanted]
        catalog.write(rows, removed=gone)
        drop_orphans(target, catalog)
        catalog.set_meta(ready="1")
        count = len(catalog)
        catalog.close()
    return ImportReport(name, count, added, changed, len(gone), 0, sorted(skipped), 0)


def offload(name: str, url: str, settings: Settings, progress: Progress = no_progress, *, drop: bool = False) -> int:
    """Copy a gallery's thumbnails behind an address, from which those that are not here are fetched; return how many.

    Args:
        drop: remove them here; they come back one by one as they are looked at.

    Raises:
        UnknownNameError: there is no such gallery.
        UnavailableError, DownloadError: the address cannot be written; nothing is removed here.
    """

    folder = gallery_folder(name, settings)
    remote = Remote(url)
    with building(name, settings):
        catalog = Catalog(folder / CATALOG)
        paths = sorted({thumbnail_path(folder, fact.sha256) for fact in catalog.files()})
        here = [path for path in paths if path.is_file()]
        send = [(path.relative_to(folder).as_posix(), path) for path in here]
        for done, _ in enumerate(in_order(lambda one: remote.write(one[0], one[1].read_bytes()), send, _AT_ONCE), 1):
            progress(done, len(send), f"copying thumbnails of {name}")
        catalog.set_meta(thumbnails_url=remote.url)
        catalog.close()
        for path in here if drop else ():
            path.unlink(missing_ok=True)
    return len(send)
