"""Volumes: one kind a file, each of which makes a path on the node that is then mounted into containers.

`table` lists the kinds, `manager` sets up and takes down a Pod's volumes and keeps their content up to date.
"""
