"""Static Pods: run from files in a folder of the node, whether or not the API server knows of them.

    files --folder--> manifest --keeper--> a worker each, as for every Pod
                                  `--mirrors--> a mirror Pod each, by which the API shows it

The API is told, never asked: deleting a mirror ends nothing, and a Pod of the API can neither start nor stop one.
(Source: tasks/configure-pod-container/static-pod.)
"""

from .keeper import Keeper
from .manifest import Manifests

__all__ = ["Keeper", "Manifests"]
