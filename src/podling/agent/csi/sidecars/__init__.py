"""Calls of a driver's controller service, for drivers that bring no sidecars: what upstream's external-provisioner, -attacher and -resizer do.

A driver that is deployed as upstream has it brings those as containers of its own, which work with Podling as with any cluster and are not
to be disturbed.  So this is done only for a driver whose CSIDriver says ``podling.dev/csi-controller: built-in``, by the agents of nodes at whose
plugin socket the controller service answers, too.  Who acts is a matter of the objects, as with node-local sidecars: a claim's by the node
that it was placed on, an attachment's by its node, else by the first node that has the driver; every call may be made twice.

The agents act as their nodes.  Secrets for CreateVolume and DeleteVolume are beyond what a node may read: whoever names such in a class lets
the group ``system:nodes`` read them.

``desk`` is what all three work with; ``service`` tells them what has changed.
"""
