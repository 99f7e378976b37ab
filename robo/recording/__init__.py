"""Recording demonstrations: the recorder, the loop, and the devices that act.

`recorder.Recorder` records whatever acts in a gymnasium environment; `session.Session` runs a
`device.Device` at a fixed rate. Nothing is imported here, to keep `robo --help` fast.
"""
