"""What may be learnt: a gate that does not ask the learner.

The references that never move stand with those who use them: the regression of `detectors.context`,
frozen where it is known, and the frozen centre lines of the control charts. Detectors that go on
learning need somebody to tell them when not to. It must not be themselves. Half-Space Trees that
learn from every connection of KDD-HTTP, whose attacks come in one block, reach an AUC of .37; those
that skip what they find strange themselves .36; those that never learn from an attack .998. What is
learnt once no longer looks strange, so a learner that guards itself lets in whatever comes in a
block, as every fault of a machine does.

Hence the gate listens only to the frozen charts, and it is latched: it closes at the limit and
opens again only after ``hold_s`` of event time below ``clear``.

What is learnt of contexts that were never met before has a quarantine and a budget of its own, in
`detectors.context`: it is learnt before the charts have spoken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.base import Field, Fleet, Mask, Rows, Times, named_views, to_ns
from detectors.kernels import gate as kernel


class Gate(Fleet):
    """Says for each reading whether its machine is well enough to be learnt from.

    NaN says nothing and changes nothing: a gate that is open stays open while the charts are still
    learning their own reference, a closed one waits for them to speak.

    Parameters
    ----------
    clear
        Severity, as a share of the limit, below which a machine counts as calm.
    hold_s
        How long it must have been calm without a break before the gate opens again. [s]

    Raises
    ------
    ValueError
        ``clear`` not above 0 and at most 1, or ``hold_s`` below 0.

    Examples
    --------
    >>> gate = Gate(clear=0.8, hold_s=20)
    >>> gate.reserve(1)
    >>> severity = np.array([0.3, 1.2, 0.9, 0.5, 0.4, 0.4])
    >>> times = np.arange(6) * 10_000_000_000
    >>> gate.walk(np.zeros(6, np.int32), times, severity)
    array([1, 0, 0, 0, 0, 1], dtype=uint8)
    """

    def __init__(self, *, clear: float = 0.8, hold_s: float = 1800.0) -> None:
        super().__init__(n_sensors=1)
        if not 0 < clear <= 1:
            raise ValueError(f"clear is {clear}, above 0 and at most 1 is needed")
        self.clear = clear
        self.hold_s = hold_s
        self._hold_ns = to_ns("hold_s", hold_s)

    def schema(self) -> dict[str, Field]:
        """Whether the gate is closed, and since when the machine has been calm, if it is."""
        return {"closed": Field("u1"), "calm": Field("u1"), "calm_ns": Field("i8")}

    def walk(self, rows: Rows, times: Times, severity: NDArray[np.float64]) -> Mask:
        """Learn u1[n]: 1 where the gate is open once this reading has been heard.

        ``severity`` f8[n] is the largest score/limit of the frozen charts, NaN where none spoke.
        """
        self.check(rows, times, severity)
        learn = np.zeros(len(rows), dtype=np.uint8)
        kernel.walk(
            clear=self.clear,
            hold_ns=self._hold_ns,
            **named_views(rows=rows, times=times, severity=severity, learn=learn),
            **named_views(**self.state),
        )
        return learn

    def closed(self, row: int) -> bool:
        """Whether the machine is kept from being learnt."""
        return bool(self.state["closed"][row])
