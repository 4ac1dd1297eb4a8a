"""Carries out what `podstate` orders: one function an action, listed in `table`.

A function gets the node's kit, the Pod's memory and its action.  It leaves its result where the next plan looks for it (what
the runtime shows, the memory) and never raises for what can be expected to fail: that becomes a `Failure` or a pause.
"""
