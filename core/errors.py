"""Everything that can go wrong with the world, as opposed to with the caller.

    RetrievalError
    |-- UnknownNameError      a gallery, encoder, index or data set of that name does not exist
    |-- NotPreparedError      it exists, but features, index, map or weights have not been made yet
    |-- StaleError            it was built from something that has changed since
    |-- DamagedFileError      a file is truncated, altered or not what its name says
    |-- VersionError          a file was written by a newer version
    |-- ImageError            a picture cannot be decoded or is refused
    |-- UnavailableError      an optional part is not installed, or an index cannot be built for this gallery
    |   `-- ServerSilentError a server of indexes is away, or refuses us
    |-- ClusterError          a cluster cannot be reached, does not fit, or is lost
    |-- StorageError          the disk is full, or a path cannot be written
    |-- DownloadError         a publisher's server failed or sent something else
    `-- Cancelled             a person stopped the work

A caller's own mistake is a ValueError or a TypeError. Messages name the path and, where there is one, the command that
repairs it; the command line prints them and exits 1, the page shows them.
"""


class RetrievalError(Exception):
    """Root of the errors that a person can do something about."""


class UnknownNameError(RetrievalError):
    """Nothing of that name exists; the message lists what does."""


class NotPreparedError(RetrievalError):
    """Something has not been made yet; the message says with which command to make it."""


class StaleError(RetrievalError):
    """Something was built from a state that has changed since."""


class DamagedFileError(RetrievalError):
    """A file is truncated, altered or not what its name says."""


class VersionError(RetrievalError):
    """A file was written by a version that this one does not know."""


class ImageError(RetrievalError):
    """A picture cannot be decoded, or is refused (too large, too small, of an unsupported kind)."""


class UnavailableError(RetrievalError):
    """An optional part is missing, or cannot work here; the message says what to install or do."""


class ClusterError(RetrievalError):
    """A cluster cannot be reached, does not fit, or is lost; the message says what to check."""


class ServerSilentError(UnavailableError):
    """A server of indexes cannot be reached, does not answer in time, or refuses us; another index may serve."""


class StorageError(RetrievalError):
    """The disk is full or a path cannot be written."""


class DownloadError(RetrievalError):
    """A download failed for good; what arrived is kept so that it can be continued."""


class Cancelled(RetrievalError):
    """A person stopped the work; what is finished is kept."""
