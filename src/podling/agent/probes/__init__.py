"""Probes: what containers answer when asked whether they have started, are alive, are ready.

`state` counts (pure), `exec`, `http`, `tcp` and `grpc` ask, `manager` does both at the right times.
"""
