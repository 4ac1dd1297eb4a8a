"""CSI drivers on this node: programs, mostly in Pods, that mount volumes for it when asked over their sockets.

    a driver's registrar puts a socket into plugins_registry/ -> ``registration`` asks it who it is and tells it whether it is taken
    -> ``drivers`` knows it, the node's CSINode shows it -> ``volumes/csi`` has it publish and unpublish volumes

``publication`` is how a volume comes and goes, ``attachments`` how those that must be attached to the node are waited for.
``sidecars`` calls the controller services of drivers that ask for it.
"""
