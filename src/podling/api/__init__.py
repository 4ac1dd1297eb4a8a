"""The Kubernetes model as data: types, kinds, codecs, schemas, quantities, selectors, patches and errors.

Everything in this package is pure: no I/O, no waiting, no wall clock, no chance. Programs import the module they need; the
package itself imports nothing, so that the command line starts fast.
"""
