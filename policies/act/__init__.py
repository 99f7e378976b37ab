"""ACT: Action Chunking with Transformers."""
