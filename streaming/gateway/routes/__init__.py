"""The HTTP routes, one file a noun; each is thin: parse, ask, encode."""
