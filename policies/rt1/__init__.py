"""RT-1: Robotics Transformer (arXiv 2212.06817)."""
