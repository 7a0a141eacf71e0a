"""Every fault there is, by name: the list that the command line, the tests and the docs read."""

from __future__ import annotations

from simulators.faults.base import Fault, MachineFault, SensorFault
from simulators.faults.bearings import BearingWear
from simulators.faults.changes import Ageing, Curtailment, Firmware, NewNeighbour, Season
from simulators.faults.clocks import ClockJump, ClockSkew, EpochUnit
from simulators.faults.cooling import Overheating
from simulators.faults.electrical import EfficiencyLoss, WindingOverheating
from simulators.faults.hydraulics import (
    Cavitation,
    FilterClogging,
    ImpellerWear,
    Misalignment,
)
from simulators.faults.links import (
    LinkDuplicates,
    LinkLate,
    LinkOutOfOrder,
    SameClientId,
    StaleRetained,
)
from simulators.faults.lubrication import LubricationLoss
from simulators.faults.maintenance import (
    BearingReplacement,
    OilChange,
    Recalibration,
    SensorReplacement,
    Service,
)
from simulators.faults.pitch import PitchActuator, PitchOffset
from simulators.faults.rotor import BladeErosion, Icing, MassImbalance, YawMisalignment
from simulators.faults.sensors import (
    SensorDrift,
    SensorGain,
    SensorNoise,
    SensorOffset,
    SensorSpikes,
    SensorStuck,
)
from simulators.faults.sensors_gaps import SensorDropout, SensorIntermittent
from simulators.faults.sensors_mixups import SensorSwapped, SensorUnit

FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        # F, of machines
        BearingWear,
        Overheating,
        WindingOverheating,
        MassImbalance,
        PitchOffset,
        PitchActuator,
        YawMisalignment,
        Icing,
        EfficiencyLoss,
        BladeErosion,
        LubricationLoss,
        # P, of pumps, beyond the catalogue of turbines
        Cavitation,
        ImpellerWear,
        Misalignment,
        FilterClogging,
        # S, of instruments
        SensorOffset,
        SensorDrift,
        SensorGain,
        SensorStuck,
        SensorSpikes,
        SensorNoise,
        SensorDropout,
        SensorUnit,
        SensorIntermittent,
        SensorSwapped,
        # M, of messages
        LinkDuplicates,
        LinkLate,
        LinkOutOfOrder,
        ClockSkew,
        ClockJump,
        EpochUnit,
        StaleRetained,
        SameClientId,
        # D, changes that are no fault
        Season,
        Firmware,
        OilChange,
        BearingReplacement,
        Service,
        Recalibration,
        Curtailment,
        SensorReplacement,
        NewNeighbour,
        Ageing,
    )
}

__all__ = [
    "FAULTS",
    "BearingWear",
    "Fault",
    "MachineFault",
    "Overheating",
    "SensorFault",
    "SensorStuck",
]
