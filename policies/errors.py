"""Errors of policies caused by a user's mistake; each message is one sentence."""


class PolicyError(ValueError):
    """A configuration, a dataset or an observation that does not fit the policy."""


class CheckpointError(PolicyError):
    """A folder without a policy, or with a damaged one."""
