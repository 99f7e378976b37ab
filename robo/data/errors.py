"""Dataset errors; every message says what to do."""


class DatasetError(Exception):
    """Any of the errors below."""


class DatasetFormatError(DatasetError):
    """A dataset, or a file in it, violates the format."""


class FrameError(DatasetError):
    """A frame does not match the dataset's declared features; nothing of it was written."""


class DatasetWriteError(DatasetError):
    """A write failed. Finished episodes are intact; the open one is in the journal."""


class DatasetBusyError(DatasetError):
    """Another process is writing to the dataset."""
