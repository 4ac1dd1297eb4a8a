"""The versioned store (layer 2): keys, bytes and revisions. It knows no kinds.

`interface` is the contract, `memory` and `sqlite` keep it (and `testing.store_suite` proves it), `cache` is what
the API server reads from and writes through. etcd fits the same contract: keys are laid out as Kubernetes'.
"""
