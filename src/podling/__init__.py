"""Podling runs Kubernetes Pods from one small Python process.

The packages below are layers; ``docs/architecture.md`` draws them and says what each one decides.
"""

__version__ = "0.1.0"
