"""One script a claim: each measures its own yardsticks in the same run and writes one JSON."""
