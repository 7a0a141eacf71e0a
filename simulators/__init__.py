"""A world to test on: wind, turbines, instruments, faults, and the truth about them.

Useful alone; it knows nothing of who watches the machines.

    >>> from simulators import Farm, parse_fault
    >>> farm = Farm(machines=12, seed=1, faults=[parse_fault("overheating@T07:2h+1h:0.9")])
    >>> block = next(farm.run(hours=6))
    >>> oil = block.values[:, farm.machines.index("T07"), farm.sensors.index("gearbox_temperature")]

From the command line: ``python -m simulators --help``.
"""

from simulators.campaign import Burst, waveforms
from simulators.farm import MACHINE_CLASSES, Block, Farm
from simulators.faults import FAULTS, Fault
from simulators.faults.grammar import parse_fault
from simulators.scenarios import Scenario
from simulators.scenarios.file import load_scenario
from simulators.truth import Truth
from simulators.weather import Climate

__all__ = [
    "FAULTS",
    "MACHINE_CLASSES",
    "Block",
    "Burst",
    "Climate",
    "Farm",
    "Fault",
    "Scenario",
    "Truth",
    "load_scenario",
    "parse_fault",
    "waveforms",
]
