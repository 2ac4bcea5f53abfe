"""Rules 1 and 2 recomputed by other code: nothing here imports the ledger or the space worker."""
