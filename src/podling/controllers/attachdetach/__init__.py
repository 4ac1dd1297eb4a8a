"""Says by VolumeAttachments which volumes of CSI drivers are to be attached to which nodes (upstream's attach/detach controller).

    a Pod was placed -> VolumeAttachment -> its driver's attacher attaches -> ``volumesAttached`` of the Node -> its kubelet mounts
    no Pod there any more, and the node uses it no more -> VolumeAttachment deleted -> detached

``decision`` is pure; ``controller`` acts.  The attaching itself is the driver's own attacher's, beside its controller plugin.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
