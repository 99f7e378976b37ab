"""Walking humanoids: robots, a batched simulator, randomisation, rewards and curricula."""
