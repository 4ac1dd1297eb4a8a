"""Node-pressure eviction: Pods are ended so that the node lives, and Pods that break their own bounds on storage.

``signals`` names what is observed, ``thresholds`` says what is too little of it, ``decision`` (pure) which thresholds are
met for how long and what the node's conditions are, ``ranking`` (pure) who goes first and with which words, ``bounds``
(pure) who uses more storage than it may, ``observer`` looks at the machine, ``manager`` does it all every few seconds.
(Source: concepts/scheduling-eviction/node-pressure-eviction; kubelet `pkg/kubelet/eviction`.)
"""
