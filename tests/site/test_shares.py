"""Who got what is followed over sessions, restarts and midnight."""

from __future__ import annotations

from pathlib import Path

import pytest

from ampacity.store import sharing, transactions
from ampacity.store.sharing import ShareRow

from .live import OPERATOR, PERSON, LiveYard, yard


async def kept(it: LiveYard) -> dict[str, ShareRow]:
    """By station, of one day each."""
    rows = await it.node.store.read(lambda c: sharing.shares(c, OPERATOR, "yard", "2000-01-01", "2999-01-01"))
    assert len({row.day for row in rows}) <= 1
    return {row.station_id: row for row in rows}


async def test_who_waited_who_got_all_and_who_went_first(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=22.0) as it:  # room for one minimum
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 5.5)
        await it.charge("B")
        await it.controller.boost(("A", 1), True, PERSON)
        await it.clock.sleep(130.0)
        rows = await kept(it)
        assert rows["B"].waited_s == pytest.approx(rows["B"].wanting_s, rel=0.2)
        assert rows["B"].waited_s > 60.0
        assert rows["A"].waited_s < rows["B"].waited_s / 2
        assert rows["A"].satisfied_s == 0.0
        assert 60.0 < rows["A"].boosted_s < rows["A"].connected_s
        assert rows["B"].energy_wh == 0.0 < rows["A"].energy_wh


async def test_a_restart_neither_loses_nor_doubles_energy(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        await it.draws("A", 32.0)
        await it.clock.sleep(130.0)
        before = (await kept(it))["A"]
        assert before.energy_wh > 100.0
        assert before.satisfied_s > 20.0
        await it.control()
        await it.stations["A"].cut_network()
        it.stations["A"].restore_network()
        await it.proven("A")
        await it.stations["A"].present(1, it.live("A").transaction.token)  # type: ignore[union-attr, arg-type]
        await it.until(lambda: it.live("A").transaction is None)
        await it.clock.sleep(70.0)
        await it.node.csms.written()
        [row] = await it.node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
        share = (await kept(it))["A"]
        assert share.connected_s > before.connected_s
        assert share.energy_wh == pytest.approx(row.energy_wh, abs=1.0)
