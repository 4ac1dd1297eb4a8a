"""The three kinds of patches that the API takes, as pure functions over decoded JSON.

`jsonpatch.apply` (RFC 6902), `mergepatch.apply` (RFC 7386) and `strategic.apply` (Kubernetes' own, which knows how lists merge) take a document
and a patch and give a new document. They change neither; the new one shares with them what did not change, so it must not be altered in
place either. What cannot be applied is an `errors.ApiError` with the code and words of upstream's API server.
"""
