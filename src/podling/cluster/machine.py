"""What this machine allows: which runtime a cluster gets, and what `podling doctor` has to say.

A runtime is a row of ``RUNTIMES``: how to find out whether it works here, and how to make it for one node.  ``auto``
takes the first row that works; a runtime that was asked for by name and does not work is an error, never a fallback.
"""
