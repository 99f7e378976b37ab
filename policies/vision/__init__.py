"""Image encoders shared by policies."""
