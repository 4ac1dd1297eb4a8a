"""THE table of controllers, by name.

A row is a function that builds the controller's record from the `Context`. They start in this order, once their informers are in step, and
stop together. The names are upstream's (`kube-controller-manager --controllers`).
"""

from __future__ import annotations

from collections.abc import Mapping

from . import (
    attachdetach,
    certificates,
    clusterroleaggregation,
    cronjob,
    daemonset,
    deployment,
    disruption,
    endpoints,
    endpointslice,
    endpointslicemirroring,
    ephemeralvolume,
    garbagecollector,
    horizontalpodautoscaler,
    job,
    localpath,
    namespace,
    nodelifecycle,
    persistentvolume,
    persistentvolumeclaimprotection,
    persistentvolumeexpander,
    persistentvolumeprotection,
    podgc,
    replicaset,
    replicationcontroller,
    resourcequota,
    rootca,
    serviceaccount,
    serviceaccounttoken,
    statefulset,
    tainteviction,
    ttlafterfinished,
)
from .loop import Build

CONTROLLERS: Mapping[str, Build] = {
    serviceaccount.NAME: serviceaccount.controller,
    serviceaccounttoken.NAME: serviceaccounttoken.controller,
    rootca.NAME: rootca.controller,
    clusterroleaggregation.NAME: clusterroleaggregation.controller,
    namespace.NAME: namespace.controller,
    podgc.NAME: podgc.controller,
    deployment.NAME: deployment.controller,
    replicaset.NAME: replicaset.controller,
    replicationcontroller.NAME: replicationcontroller.controller,
    daemonset.NAME: daemonset.controller,
    statefulset.NAME: statefulset.controller,
    job.NAME: job.controller,
    cronjob.NAME: cronjob.controller,
    endpoints.NAME: endpoints.controller,
    endpointslice.NAME: endpointslice.controller,
    endpointslicemirroring.NAME: endpointslicemirroring.controller,
    nodelifecycle.NAME: nodelifecycle.controller,
    tainteviction.NAME: tainteviction.controller,
    disruption.NAME: disruption.controller,
    horizontalpodautoscaler.NAME: horizontalpodautoscaler.controller,
    resourcequota.NAME: resourcequota.controller,
    ephemeralvolume.NAME: ephemeralvolume.controller,
    persistentvolume.NAME: persistentvolume.controller,
    localpath.NAME: localpath.controller,
    attachdetach.NAME: attachdetach.controller,
    persistentvolumeexpander.NAME: persistentvolumeexpander.controller,
    persistentvolumeclaimprotection.NAME: persistentvolumeclaimprotection.controller,
    persistentvolumeprotection.NAME: persistentvolumeprotection.controller,
    certificates.approval.NAME: certificates.approval.controller,
    certificates.signer.NAME: certificates.signer.controller,
    certificates.cleaner.NAME: certificates.cleaner.controller,
    ttlafterfinished.NAME: ttlafterfinished.controller,
    garbagecollector.NAME: garbagecollector.controller,  # last: it shares the informers of all others
}
