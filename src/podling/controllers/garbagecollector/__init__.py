"""Objects whose owners are gone go too; owners that are deleted in the foreground or leave orphans behind are waited for or set free.

`graph` knows who owns whom, `decide` says what becomes of an object (both pure), `monitors` keeps the graph true to the server, and
`controller` acts (upstream's garbagecollector; API reference, "Owners and Dependents" and "Garbage Collection").
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
