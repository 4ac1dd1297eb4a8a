"""``metrics.k8s.io``: what nodes and Pods use, for `kubectl top` and autoscalers, without a server of its own.

`samples` reads what a kubelet says, `rates` makes usage of two samples (both pure), `collector` asks nodes when somebody
wants to know, `serve` answers requests. Nothing is asked, kept or computed while nobody wants to know.
"""
