"""Controllers: each brings one aspect of the cluster towards what its objects ask for.

`reconcile` is the frame that all of them share, `registry` the table of them. A new one is a file, a row and a scenario test.
"""
