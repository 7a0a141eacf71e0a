"""A wind turbine: the parts put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulators.drivetrain import NACELLE, Part
from simulators.instruments import Instrument
from simulators.machines import Condition
from simulators.processes import Floats
from simulators.streams import Streams
from simulators.turbine.catalogue import CONDITIONS, INSTRUMENTS, USUAL
from simulators.turbine.gearbox import RATED_HEAT_KW, RATED_RISE_K, TIME_CONSTANT_S, Gearbox
from simulators.turbine.icing import Icing
from simulators.turbine.inflow import Inflow
from simulators.turbine.operation import RUN_UP_S, Operation
from simulators.turbine.power import RATED_POWER_KW, RATED_SPEED_RPM
from simulators.turbine.rotor import Rotor, derated_blades
from simulators.turbine.sensors import Work, looks
from simulators.weather import WeatherBlock

CONVERTER_LOSS = 0.06


class Turbine:
    """A number of NREL 5 MW turbines with a gearbox; see `simulators.machines.MachineClass`.

    Args:
        wanted: names of the sensors that will be looked at, all by default. Each has its own
            chance, so leaving one out changes nothing in what the others say.
    """

    prefix: ClassVar[str] = "T"
    instruments: ClassVar[tuple[Instrument, ...]] = INSTRUMENTS
    usual: ClassVar[tuple[str, ...]] = USUAL
    exemplar: ClassVar[str] = "gearbox_temperature"
    conditions: ClassVar[Mapping[str, Condition]] = CONDITIONS

    def __init__(
        self,
        machines: int,
        streams: Streams,
        period_s: float,
        wanted: frozenset[str] | None = None,
    ) -> None:
        own = streams("turbine/individuals")
        resistance = own.uniform(*RATED_RISE_K, machines) / RATED_HEAT_KW
        capacity = own.uniform(*TIME_CONSTANT_S, machines) / resistance
        self._inflow = Inflow(machines, streams, period_s)
        self._icing = Icing(period_s, machines)
        self._operation = Operation(period_s, own.uniform(*RUN_UP_S, machines))
        self._rotor = Rotor(period_s)
        self._gearbox = Gearbox(period_s, resistance, capacity)
        self._nacelle = Part(NACELLE, period_s, machines, streams("turbine/air/individuals"))
        every = looks(machines, streams, period_s)
        self._looks = {name: every[name] for name in every if wanted is None or name in wanted}

    def advance(
        self, weather: WeatherBlock, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values ``[k, machines]`` by sensor name."""
        work = self._work(weather, conditions)
        return {name: look(work) for name, look in self._looks.items()}

    def _work(self, weather: WeatherBlock, conditions: Mapping[str, Floats]) -> Work:
        """Weather → inflow → controller → rotor → gearbox, which may call for less."""
        inflow = self._inflow.advance(weather, conditions)
        ice = self._icing.advance(inflow.air, weather.humidity, conditions["icing"])
        regime = self._operation.advance(inflow.mean, conditions["service"] > 0.5)
        rotor = self._rotor.advance(inflow, regime, ice, conditions)
        gearbox = self._gearbox.advance(inflow.air, rotor.speed, rotor.power, conditions)
        derated_blades(rotor, gearbox.derated, conditions)
        load = gearbox.power / RATED_POWER_KW
        speed = rotor.speed / RATED_SPEED_RPM
        return Work(
            inflow,
            regime,
            rotor,
            ice,
            oil=gearbox.oil,
            nacelle=self._nacelle.advance(inflow.air, speed, load),
            power=gearbox.power * (1 - CONVERTER_LOSS * conditions["efficiency_loss"]),
            derated=gearbox.derated,
            speed=speed,
            load=load,
            conditions=conditions,
        )
