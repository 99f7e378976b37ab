"""Demonstration datasets in LeRobotDataset v3.0: safe writing, fast reading, validation, repair.

`lerobot_writer.DatasetWriter` records, `lerobot_reader.Dataset` reads, `windows.WindowReader`
provides training samples. Nothing is imported here, to keep `robo --help` fast.
"""
