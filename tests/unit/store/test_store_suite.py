"""The conformance suite on every store of this repository."""

import pytest

from podling.store.memory import MemoryStore
from podling.store.sqlite import SqliteStore
from podling.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    durable = False

    @pytest.fixture
    def new_store(self):
        return MemoryStore


class TestSqliteStore(StoreSuite):
    @pytest.fixture
    def new_store(self, tmp_path):
        return lambda: SqliteStore(tmp_path / "store.db")
