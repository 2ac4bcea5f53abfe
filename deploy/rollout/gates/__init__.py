"""Gates of a rollout: tables of numbers with intervals, read against versioned limits."""
