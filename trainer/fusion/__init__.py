"""Training of the fusion item encoder (``handlers.fusion``): a closed-form base, and a transformer on top."""
