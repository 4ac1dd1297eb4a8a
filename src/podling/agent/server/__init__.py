"""The kubelet's own HTTPS endpoints: logs, exec, attach, port-forward, the node's Pods, statistics, health."""
