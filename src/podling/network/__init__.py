"""Networks of Pods (layer 2): ``ipam`` and ``rules`` decide, ``bridge``, ``loopback`` and ``addresses`` carry out.

``host`` is where every socket of a node comes from.  Nothing here knows the runtimes: a ``SandboxNetwork`` of
``podling.runtime.interface`` is met by shape.
"""
