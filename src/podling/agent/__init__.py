"""The node agent: runs the Pods that are bound to its node and tells the API how they are (layer 3).

`podstate` decides (pure), `podworker` carries out; everything else serves those two.  `agent.Agent` assembles.
"""
