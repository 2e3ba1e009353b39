"""A linear program in blocks of columns and rows, solved by HiGHS through its matrix interface.

HiGHS says in its return value when an option or a matrix was not taken: every one is looked at here.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ampacity.simulation.batch.world import F, I


class SolverError(RuntimeError):
    """HiGHS refused something or found no optimum; the message says what and where."""


class Program:
    """Minimise cost. Columns and rows are added in blocks and named by their numbers."""

    def __init__(self, *, time_limit_s: float, threads: int = 1) -> None:
        self._columns: list[tuple[F, F, F]] = []
        self._count = 0
        self._rows: list[tuple[F, F, I, I, F]] = []
        self._row_count = 0
        self._semi: list[I] = []
        self._highs: Any = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("time_limit", float(time_limit_s)),
            ("threads", threads),
            ("random_seed", 0),
            ("mip_rel_gap", 1e-7),
        ):
            self._did(self._highs.setOptionValue(option, value), f"option {option} = {value}")

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self._count, self._row_count

    def columns(self, count: int, low: ArrayLike, high: ArrayLike, cost: ArrayLike) -> I:
        """New variables between `low` and `high`; returns their numbers."""
        block = tuple(np.broadcast_to(np.asarray(x, np.float64), count).copy() for x in (low, high, cost))
        self._columns.append((block[0], block[1], block[2]))
        self._count += count
        return np.arange(self._count - count, self._count)

    def semicontinuous(self, columns: I) -> None:
        """These are 0 or between their bounds: makes it a mixed-integer program."""
        self._semi.append(columns)

    def rows(self, low: ArrayLike, high: ArrayLike, row: I, column: I, value: F) -> None:
        """New constraints: `row` counts from 0 within the block, one entry each of `row`, `column`,
        `value`."""
        count = max(np.size(low), np.size(high))
        ends = tuple(np.broadcast_to(np.asarray(x, np.float64), count).copy() for x in (low, high))
        order = np.argsort(row, kind="stable")
        self._rows.append(
            (ends[0], ends[1], np.bincount(row, minlength=count), column[order], np.asarray(value)[order])
        )
        self._row_count += count

    def solve(self) -> F:
        """The first solution: passes everything that was added so far."""
        low, high, cost = (np.concatenate(x) for x in zip(*self._columns, strict=True))
        lower, upper, lengths, index, value = self._stacked()
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self._count, len(lower)
        lp.col_lower_, lp.col_upper_, lp.col_cost_ = low, high, cost
        lp.row_lower_, lp.row_upper_ = lower, upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = self._count, len(lower)
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        lp.a_matrix_.index_ = index.astype(np.int32)
        lp.a_matrix_.value_ = value
        if self._semi:
            kinds = np.full(self._count, highspy.HighsVarType.kContinuous)
            kinds[np.concatenate(self._semi)] = highspy.HighsVarType.kSemiContinuous
            lp.integrality_ = kinds.tolist()
        self._did(self._highs.passModel(lp), f"a program of {self._count} columns and {len(lower)} rows")
        return self._run()

    def again(self) -> F:
        """The solution with the rows that were added since, from where the last one stood."""
        lower, upper, lengths, index, value = self._stacked()
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32)
        answer = self._highs.addRows(
            len(lower), lower, upper, len(index), starts, index.astype(np.int32), value
        )
        self._did(answer, f"{len(lower)} more rows")
        return self._run()

    def bound(self, columns: I, low: F, high: F) -> None:
        """New bounds of some variables."""
        answer = self._highs.changeColsBounds(len(columns), columns.astype(np.int32), low, high)
        self._did(answer, f"new bounds of {len(columns)} columns")

    def go_on(self) -> F:
        """The solution of the program as it stands."""
        return self._run()

    @property
    def objective(self) -> float:
        """The cost of the last solution."""
        return float(self._highs.getInfo().objective_function_value)

    def _stacked(self) -> tuple[F, F, I, I, F]:
        blocks, self._rows = self._rows, []
        lower, upper, lengths, index, value = (np.concatenate(x) for x in zip(*blocks, strict=True))
        return lower, upper, lengths, index, value

    def _run(self) -> F:
        answer, status = self._highs.run(), self._highs.getModelStatus()
        if answer == highspy.HighsStatus.kError or status != highspy.HighsModelStatus.kOptimal:
            columns, rows = self.size
            raise SolverError(
                f"HiGHS ended a program of {columns} columns and {rows} rows with "
                f"{self._highs.modelStatusToString(status)!r}: give it more time, or a shorter run"
            )
        values: NDArray[np.float64] = np.array(self._highs.getSolution().col_value)
        return values

    def _did(self, answer: Any, what: str) -> None:
        if answer != highspy.HighsStatus.kOk:
            raise SolverError(f"HiGHS did not take {what}: {answer}")
