"""The law of a group: sites that share one supply, the more important ones first.

`step(state, snapshot) -> (state, decision)`, pure like the law of a site, whose pieces it uses: limits and
their dates (`bounds`), the base below a meter (`supply`), overloads, and `allocate` with members in the place
of EVSEs. `hear` takes in what a member reports, `issue` writes down what it is answered.

Off the supply go, first, the base of everybody (nobody can take it away) and all that silent members may
draw. What is left is shared: first the guaranteed shares, then class by class, within a class by weight; a
guaranteed share that its member has no use for is lent to others. Nobody is cut while all fit as they are.
Cuts go out at once; a raise uses only what is free when everybody counts with the most that he may draw
(`promises`), so that it waits until another's decrease was confirmed.

A coordinator that has started anew promises nobody more than he has until it has heard everybody, or until
all that was promised before is over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import structs

from ampacity.model.groups import MemberGrant, MemberReport, SiteGroup
from ampacity.model.live import Reason

from ..allocate import allocate, problem
from ..bounds import apply
from ..limits import code_of
from ..settings import DEFAULTS, ControlSettings
from ..topology import Topology
from ..types import Snapshot
from . import promises
from .check import as_site
from .picture import SILENT_S, Picture
from .promises import Level, MemberMemory
from .supply import Supply, look
from .types import GroupDecision, GroupSnapshot, GroupState, MemberDecision

TRANSIT_S: Final = 10.0
"""A report or an answer is under way for less (who asks gives up before that)."""

RAISE_A: Final = 0.5
"""A smaller raise is worth a grant only to a member that uses all it has."""

STEP_A: Final = 0.1

BEFORE_ALL: Final = 1_000_000
"""Added to a member's class for its guaranteed share."""


def hear(state: GroupState, group: SiteGroup, report: MemberReport, at: float) -> GroupState:
    """Take in what a member reports; nothing changes by a report that is old, unusable, or of a stranger."""
    if all(member.site_id != report.site_id for member in group.members):
        return state
    known = state.members.get(report.site_id)
    memory = promises.hear(known, report, state.epoch, group.voltage_v, at)
    if memory is None or memory is known:
        return state
    return structs.replace(state, members=state.members | {report.site_id: memory})


def issue(
    state: GroupState, group: SiteGroup, decision: GroupDecision, site_id: str, at: float
) -> tuple[GroupState, MemberGrant | None]:
    """What a member that has just reported is granted, by the newest decision; None: nothing new."""
    decided, memory = decision.members[site_id], state.members.get(site_id)
    if decided.level is None or memory is None:
        return state, None
    memory = promises.issue(memory, decided.level, at + group.lease_s, decided.fallback)
    limited = math.isfinite(decided.level[1])
    grant = MemberGrant(
        epoch=state.epoch,
        seq=memory.seq,
        limit_a=decided.level[0],
        fallback_a=decided.fallback[0],
        lease_s=group.lease_s,
        rise_s=decided.rise_s,
        limit_w=decided.level[1] * group.voltage_v if limited else None,
        fallback_w=decided.fallback[1] * group.voltage_v if limited else None,
    )
    return structs.replace(state, members=state.members | {site_id: memory}), grant


def step(
    state: GroupState, snapshot: GroupSnapshot, settings: ControlSettings = DEFAULTS
) -> tuple[GroupState, GroupDecision]:
    """Decide what every member may draw (see the head of the file)."""
    tree = state.topology
    site = as_site(snapshot.group)
    if tree is None or tree.site != site:
        tree = Topology(site)
        state = structs.replace(state, topology=tree, bases={}, readings={}, overloads={})
    since = snapshot.at if state.since is None else state.since
    bounds, bound = apply(
        state.bounds,
        Snapshot(
            site=tree.site, circuits=snapshot.circuits, evses={}, at=snapshot.at, epoch_s=snapshot.epoch_s
        ),
        tree,
    )
    seen = Picture(structs.replace(state, since=since), bound, snapshot.group, tree, settings)
    supply = look(seen)
    state = structs.replace(
        seen.state, bounds=bounds, bases=supply.bases, readings=supply.readings, overloads=supply.overloads
    )
    return state, _Turn(seen, supply).run()


class _Turn:
    """One step while it is being worked out. Rooms are by row: `2 k` is circuit `k` on each phase, `2 k + 1`
    all of its phases together."""

    def __init__(self, seen: Picture, supply: Supply) -> None:
        self.seen, self.rows, self.stages = seen, supply.rows, supply.stages
        self.room = [
            row.limit[q] - row.margin[q] - row.base[q] if math.isfinite(row.limit[q]) else math.inf
            for row in self.rows
            for q in (0, 1)
        ]
        self.power_limited = [any(math.isfinite(self.rows[k].limit[1]) for k in a) for a in seen.above]
        self.reasons: list[list[Reason]] = [[] for _ in seen.members]
        self.troubled: set[int] = set()

    def run(self) -> GroupDecision:
        seen = self.seen
        left = list(self.room)
        for i, standing in enumerate(seen.standings):
            seen.take(left, i, seen.base[i] if standing == "live" else seen.reserved[i])
        circuits = seen.tree.circuits
        over = frozenset(circuits[number // 2].circuit_id for number, free in enumerate(left) if free < -1e-6)
        targets = self._share(left)
        holding = self._holding()
        levels = self._levels(targets, holding)
        return GroupDecision(
            at=seen.at,
            members={
                member.site_id: MemberDecision(
                    standing=seen.standings[i],
                    target=targets[i],
                    level=levels.get(i),
                    counted=seen.counted[i],
                    fallback=self._fallback(i),
                    rise_s=self._rise_s(i),
                    reasons=tuple(self.reasons[i]),
                )
                for i, member in enumerate(seen.members)
            },
            circuits={c.circuit_id: row for c, row in zip(circuits, self.rows, strict=True)},
            holding=holding,
            overcommitted=over,
        )

    # ------------------------------------------------------------ who should have what

    def _share(self, left: Sequence[float]) -> list[Level]:
        """Where everybody should be: of what is `left` when all bases and silent members are served."""
        seen = self.seen
        targets = [[base[0], base[1]] for base in seen.base]
        loads: list[tuple[int, int]] = []
        most: list[float] = []
        classes: list[int] = []
        for i, member in enumerate(seen.members):
            memory = seen.memories[i]
            if memory is None or seen.standings[i] != "live":
                targets[i] = list(seen.reserved[i])
                self.reasons[i].append(Reason(code="offline"))
                continue
            wish = self._wish(i, memory)
            for q in (0, 1):
                if q == 1 and not self.power_limited[i]:
                    targets[i][1] = math.inf
                    continue
                base = seen.base[i][q]
                first = max(0.0, min(wish[q], seen.guaranteed[i][q]) - base)
                for amount, rank in ((first, BEFORE_ALL), (max(0.0, wish[q] - base - first), 0)):
                    loads.append((i, q))
                    most.append(math.ceil(amount / STEP_A - 1e-6) * STEP_A)
                    classes.append(rank + member.priority)
        task = problem(
            [free if math.isfinite(free) else 1e9 for free in left],
            [tuple(2 * k + q for k in seen.above[i]) for i, q in loads],
            [0.0] * len(loads),
            most,
            weight=[seen.members[i].weight for i, _ in loads],
            priority=classes,
        )
        result = allocate(task)
        for (i, q), amount in zip(loads, result.grant_a.tolist(), strict=True):
            targets[i][q] += amount
        named = {
            (loads[int(task.entry_load[entry])][0], int(task.entry_row[entry]))
            for entry in np.flatnonzero(result.binding).tolist()
        }
        for i, number in sorted(named):
            self.reasons[i].append(self._binds(number))
        return [(target[0], target[1]) for target in targets]

    def _wish(self, i: int, memory: MemberMemory) -> Level:
        """What a member asks for; less where a circuit above is in trouble."""
        seen, report = self.seen, memory.report
        wish = report.demand_a, report.demand_w / seen.group.voltage_v
        for k in seen.above[i]:
            name = seen.tree.circuits[k].circuit_id
            if self.stages[k] > 0:
                self.reasons[i].append(Reason(code="overload", circuit_id=name))
                most = seen.base[i] if self.stages[k] > 1 else seen.guaranteed[i]
            elif self.rows[k].meter == "lost":
                self.reasons[i].append(Reason(code="dead", circuit_id=name))
                most = seen.guaranteed[i]
            else:
                continue
            self.troubled.add(i)
            wish = min(wish[0], most[0]), min(wish[1], most[1])
        return wish

    def _binds(self, number: int) -> Reason:
        k, q = divmod(number, 2)
        source = self.rows[k].source[q]
        code = code_of(source, "watts" if q else "circuit")
        return Reason(code=code, circuit_id=self.seen.tree.circuits[k].circuit_id, source=source)

    # ------------------------------------------------------------ who is told what now

    def _levels(self, targets: Sequence[Level], holding: str | None) -> dict[int, Level]:
        """What everybody is granted with his next answer: cuts in full, raises from what is free."""
        seen = self.seen
        now = {i: promises.running(memory) for i in seen.live if (memory := seen.memories[i]) is not None}
        stays = self._all_fit(now, targets)
        free = list(self.room)
        for i, counted in enumerate(seen.counted):
            seen.take(free, i, counted)
        levels: dict[int, Level] = {}
        for i in sorted(now, key=lambda i: (-seen.members[i].priority, seen.members[i].site_id)):
            stale = next((k for k in seen.above[i] if self.rows[k].meter not in ("none", "fresh")), None)
            level = [0.0, 0.0]
            waits = False
            for q in (0, 1):
                had, target = now[i][q], targets[i][q]
                if target <= had or math.isinf(target):
                    level[q] = had if stays and i not in self.troubled and math.isfinite(had) else target
                elif holding is not None or stale is not None:
                    level[q], waits = had, True
                elif target - had < RAISE_A <= target - seen.own[i][q]:
                    level[q] = had
                else:
                    spare = min(free[2 * k + q] for k in seen.above[i])
                    most = seen.allowed[i][q]
                    if math.isfinite(spare):  # else somebody's grant is not known, or not limited yet
                        room = seen.counted[i][q] + spare
                        most = max(most, math.floor(room / STEP_A + 1e-6) * STEP_A)
                    level[q] = round(max(had, min(target, most)), 9)
                    waits = waits or level[q] < target - RAISE_A
            if waits:
                self.reasons[i].append(
                    Reason(code="in_flight", detail=holding)
                    if stale is None
                    else Reason(code="stale", circuit_id=seen.tree.circuits[stale].circuit_id)
                )
            counted = seen.counted[i]
            more = [max(0.0, a - b) if math.isfinite(a) else 0.0 for a, b in zip(level, counted, strict=True)]
            seen.take(free, i, (more[0], more[1]))
            if holding is None or (level[0] < now[i][0] or level[1] < now[i][1]):
                levels[i] = level[0], level[1]
        return levels

    def _all_fit(self, now: dict[int, Level], targets: Sequence[Level]) -> bool:
        """Whether nobody has to be cut for others to have what they should."""
        seen = self.seen
        left = list(self.room)
        for i, reserved in enumerate(seen.reserved):
            had = now.get(i)
            if had is None:
                seen.take(left, i, reserved)
                continue
            going = [max(a, b) if math.isfinite(a) else b for a, b in zip(had, targets[i], strict=True)]
            seen.take(left, i, (going[0], going[1]))
        return all(free >= -1e-6 for free in left)

    def _holding(self) -> str | None:
        """Why nobody may get more, nor what he has for longer."""
        if self.seen.at >= self.seen.holds_until:
            return None
        both = zip(self.seen.members, self.seen.standings, strict=True)
        unknown = [member.site_id for member, standing in both if standing == "unknown"]
        return f"{', '.join(unknown)} not heard since the start" if unknown else None

    def _fallback(self, i: int) -> Level:
        """A member's guaranteed share; less where a limit above leaves less than all of them need."""
        seen = self.seen
        share = 1.0
        for k in seen.above[i]:
            row = self.rows[k]
            given = sum(
                level[0] for level, above in zip(seen.guaranteed, seen.above, strict=True) if k in above
            )
            carries = min(row.limit[0], row.limit[1] / 3) - seen.tree.circuits[k].reserve_a
            if given > 0:
                share = min(share, max(0.0, carries) / given)
        return seen.guaranteed[i][0] * share, seen.guaranteed[i][1] * share

    def _rise_s(self, i: int) -> float | None:
        """From when on a member that hears nothing may take its fallback, though it had less: its own lease
        is over, that was seen, and all others' grants of until then have ended and settled."""
        group = self.seen.group
        settle = [
            group.settle_s if memory is None else memory.settle_s
            for j, memory in enumerate(self.seen.memories)
            if j != i
        ]
        after = 2 * group.lease_s + SILENT_S + TRANSIT_S + max(settle, default=0.0)
        return after if math.isfinite(after) else None
