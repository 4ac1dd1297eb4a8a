"""Getting the image of a container onto the node: pull policy, credentials, sharing of pulls, the node-local copy."""
