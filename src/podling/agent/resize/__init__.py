"""Changing the CPU and memory of running Pods (KEP-1287, KEP-5419).

    wanted (the object's spec) --granted by this node--> allocated --carried out--> actuated --read back--> shown

``allocation`` holds what is granted, ``judgement`` says whether more fits and who comes first, ``requests`` grants it;
`podstate.resizing` plans how a granted change is carried out, `operations.resize` does it, and ``inforce`` tells in the
status what the kernel has.  Everything else in the agent sees Pods as allocated.
"""
