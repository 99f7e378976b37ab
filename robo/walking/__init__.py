"""The walker: training, sim-to-sim check, evaluation, and export to a robot."""
