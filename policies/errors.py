"""What can go wrong with a policy through a user's mistake; each message is one sentence."""


class PolicyError(ValueError):
    """A configuration, a data set or an observation that does not fit the policy."""


class CheckpointError(PolicyError):
    """A folder that holds no policy, or a damaged one."""
