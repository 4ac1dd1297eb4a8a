"""The kubelet's own HTTPS endpoints: logs, exec, attach, the node's Pods, statistics, health."""
