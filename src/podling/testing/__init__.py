"""The test kit: virtual time, builders, conformance suites of the interfaces, leak checks."""
