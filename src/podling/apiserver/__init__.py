"""The API server: everything between a request and the store.

``server`` puts the parts together, ``pipeline`` is the way of a request, ``verbs`` and ``subresources`` do what is asked,
``strategies``, ``defaults``, ``validation`` and ``admission`` hold what differs between kinds, ``auth`` says who may.
"""
