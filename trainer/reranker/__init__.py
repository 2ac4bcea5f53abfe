"""A small model that re-orders what the first stage retrieves; its features are a contract of their own."""
