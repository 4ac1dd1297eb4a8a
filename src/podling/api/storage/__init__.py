"""What claims and volumes mean, for everybody who binds, places or mounts them; pure.

`marks` are the annotations and finalizers that carry a binding, `claims` reads claims and classes, `matching` says which volume
serves which claim, `binding` makes the objects as they are when bound. (Source: concepts/storage/persistent-volumes; k8s.io/component-helpers/storage.)
"""
