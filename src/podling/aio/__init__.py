"""Vocabulary of time and concurrency (layer 0): clock, tasks, queues, broadcast, services, processes.

Standard library only. Every wait here is on the running event loop, so that a virtual-time loop
(`podling.testing.virtualtime`) drives all of it; wall time and chance are arguments.
"""
