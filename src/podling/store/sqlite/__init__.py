"""The durable store of one process: one SQLite file, one writer thread, group commit.

`store` is the face on the event loop, `worker` the thread, `database` the SQL, `lock` keeps other processes away.
"""

from .store import SqliteSettings, SqliteStore

__all__ = ["SqliteSettings", "SqliteStore"]
