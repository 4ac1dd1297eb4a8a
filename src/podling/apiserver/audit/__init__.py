"""Audit: who did what, when, as a policy file asks for it, to a rotated log (API reference, "Auditing"; audit.k8s.io/v1).

`policy` says how much is told of a request (pure), `event` makes the records (pure), `log` writes them, `auditor` stands between them and the
pipeline. Without a policy nothing of this runs.
"""
