"""Datasets of demonstrations in LeRobotDataset v3.0: written safely, read fast, checked, repaired.

`lerobot_writer.DatasetWriter` records, `lerobot_reader.Dataset` reads, `windows.WindowReader`
cuts training samples. Nothing is imported here, so that `robo --help` stays light.
"""
