"""A cluster on this machine: settings, certificates, the parts in one process, and that process' life.

``config`` and ``layout`` say what and where, ``assembly`` starts the parts, ``process`` is the process, ``background``
begins and ends it, ``claim`` says who has it, ``destroy`` removes every trace.
"""
