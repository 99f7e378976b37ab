"""Humanoids that walk: robots, a batched simulator, randomisation, rewards and curricula."""
