"""Faults of the rotor as a whole: out of balance, out of the wind, iced, worn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import MachineFault


@dataclass(frozen=True, kw_only=True)
class MassImbalance(MachineFault):
    """One blade is heavier, by water or a repair: the nacelle swings sideways once per turn."""

    name: ClassVar[str] = "mass_imbalance"
    fault_id: ClassVar[str] = "F4"
    condition: ClassVar[str] = "mass_imbalance"


@dataclass(frozen=True, kw_only=True)
class YawMisalignment(MachineFault):
    """The nacelle stands askew to the wind, because its vane does: power is lost unseen."""

    name: ClassVar[str] = "yaw_misalignment"
    fault_id: ClassVar[str] = "F7"
    condition: ClassVar[str] = "yaw_misalignment"


@dataclass(frozen=True, kw_only=True)
class Icing(MachineFault):
    """Ice grows on blades and anemometer as long as it is cold and damp, and thaws when it is not.

    Schedule it over cold days: severity is how readily ice forms, the weather decides when it
    does. In a climate without frost nothing is to be seen.
    """

    name: ClassVar[str] = "icing"
    fault_id: ClassVar[str] = "F8"
    condition: ClassVar[str] = "icing"


@dataclass(frozen=True, kw_only=True)
class BladeErosion(MachineFault):
    """The leading edges of the blades wear off over months: less power below rated wind."""

    name: ClassVar[str] = "blade_erosion"
    fault_id: ClassVar[str] = "F10"
    condition: ClassVar[str] = "blade_erosion"
