"""The Node object: registered, kept true, kept alive."""
