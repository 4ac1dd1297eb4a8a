"""The supervisor: a small process of its own that is the parent of every container of a node and outlives Podling.

It runs as ``python -I -S`` (6 MB of its own, whatever the number of containers), so nothing in this package may import
anything but the standard library and itself; ``podling.runtime.process.link`` starts it and speaks with it.

``server``     the event loop and the requests it answers
``container``  one container's process, its stdio, log, and those attached to it
``child``      what happens between fork and exec
``enter``      roots and namespaces a child moves into
``kin``        finding and killing all processes of a container
``logfile``    CRI log lines
``wire``       packets between the two sides
``kernel``     system calls that the standard library lacks
"""
