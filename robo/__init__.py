"""robo: an embodied robotics agent stack."""

__version__ = "0.1.0"
