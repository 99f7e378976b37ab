"""What can go wrong with a dataset; every message says what to do."""


class DatasetError(Exception):
    """Any of the errors below."""


class DatasetFormatError(DatasetError):
    """A set, or a file in it, is not as the format says."""


class FrameError(DatasetError):
    """A frame does not fit the features that the set declares; nothing of it was written."""


class DatasetWriteError(DatasetError):
    """The disk refused a write. Finished episodes are intact; the open one is in the journal."""


class DatasetBusyError(DatasetError):
    """Another process is writing to the set."""
