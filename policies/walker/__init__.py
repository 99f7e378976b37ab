"""Networks of the walker: actors with and without a history, and the critic for training them."""
