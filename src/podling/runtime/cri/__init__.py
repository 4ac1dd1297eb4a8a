"""Pods on a CRI v1 runtime: containerd, CRI-O, whatever a kubelet could use, over its unix socket.

Chosen with ``podling up --runtime cri --runtime-endpoint unix:///...``.  ``runtime`` is the face; below it ``api`` makes the calls
(``codec`` the messages, ``grpc`` and ``channel`` the connection), ``requests``, ``reports`` and ``status`` know what they mean.
"""
