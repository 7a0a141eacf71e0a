"""What each picture of the gallery shows: which fault, how long, in which sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators import Climate, Farm, parse_fault
from simulators.faults import Fault

WINDY = Climate(weibull_shape=2.4, weibull_scale=10.5, wind_tau_h=5.0)
WINTER = Climate(
    weibull_scale=10.0, air_mean=5.0, air_seasonal=8.0, air_spread=3.0, humidity_mean=0.92
)
"""Cold and damp, as in the scenario icing_winter."""
OIL = "gearbox_temperature"


@dataclass(frozen=True)
class Picture:
    """One fault, and how it is best seen."""

    fault: str
    """As at ``--fault``; several with blanks between, for messages."""
    days: float
    panels: Sequence[str] = (OIL,)
    """Sensors."""
    note: str = ""
    """What to look at."""
    period_s: float = 600.0
    machine_class: str = "turbine"
    climate: Climate = WINDY
    start: str = "2026-01-01T00:00:00Z"
    seed: int = 1
    mean_h: float = 1.0
    """Means of so many hours; 0 is each reading."""
    shift: bool = True
    """Also show how far the first of the sensors is shifted, and what of that is detectable."""
    energy: bool = False
    """Also compare the energy of each day."""
    dots: bool = False
    """Each reading by itself, and no twin."""

    def farm(self) -> Farm:
        """The second of three machines has it; of several faults, each machine has one."""
        about = {"period_s": self.period_s, "start": self.start, "climate": self.climate}
        return Farm(
            max(3, len(self.faults())),
            self.seed,
            faults=self.faults(),
            machine_class=self.machine_class,
            sensors="all",
            **about,
        )

    def faults(self) -> list[Fault]:
        """Those that it shows."""
        return [parse_fault(text) for text in self.fault.split()]


def _sensor(
    fault: str, days: float = 4, *, note: str, mean_h: float = 0, **more: object
) -> Picture:
    """An instrument's fault: every reading, at one in 5 min."""
    return Picture(fault, days, note=note, mean_h=mean_h, period_s=300, **more)


def _pump(fault: str, days: float, panels: Sequence[str], note: str) -> Picture:
    return Picture(fault, days, panels, note, machine_class="pump")


def _link(fault: str, hours: float, note: str, period_s: float = 60) -> Picture:
    return Picture(fault, hours / 24, note=note, period_s=period_s)


PICTURES = {
    "bearing_wear": Picture(
        "bearing_wear@T02:8d+24d",
        34,
        ("vibration", "gearbox_kurtosis"),
        "Kurtosis rises weeks before the level does, and falls again when the whole race is rough.",
    ),
    "overheating": Picture(
        "overheating@T02:4d+4d-12d:0.8",
        15,
        (OIL, "gearbox_bearing_temperature"),
        "Most is seen under load; in a calm the oil is as cool as its twin's.",
    ),
    "winding_overheating": Picture(
        "winding_overheating.u@T02:4d+8d:1",
        14,
        ("generator_winding_temperature_u", "generator_winding_temperature_v"),
        "Phase U runs away from its neighbours, which only feel a little of it.",
    ),
    "mass_imbalance": Picture(
        "mass_imbalance@T02:3d+3d:0.7",
        10,
        ("side_acceleration",),
        "The force grows with the square of the speed: in a calm there is none.",
    ),
    "pitch_offset": Picture(
        "pitch_offset@T02:3d-8d:0.6",
        11,
        ("pitch_angle_1", "side_acceleration"),
        "Blade 1 stands 3° off; the rotor shakes sideways.",
    ),
    "pitch_actuator": Picture(
        "pitch_actuator.stuck@T02:30h-60h",
        3.5,
        ("pitch_angle_1", "pitch_angle_2", "side_acceleration"),
        "Blade 2 stays where it was while blade 1, and its twin, go on pitching.",
        mean_h=0,
        shift=False,
    ),
    "yaw_misalignment": Picture(
        "yaw_misalignment@T02:4d+2d-13d:0.8",
        16,
        ("power", "yaw_error"),
        "Below rated wind a ninth of the power is gone; the vane, which is off, sees nothing.",
        shift=False,
        energy=True,
    ),
    "icing": Picture(
        "icing@T02:2d",
        12,
        ("wind_speed", "power", "ambient_temperature"),
        "Power is lost while it is below 0 °C and damp; the anemometer, iced too, reads low.",
        climate=WINTER,
    ),
    "efficiency_loss": Picture(
        "efficiency_loss@T02:4d+6d",
        14,
        ("generator_bearing_temperature", "power"),
        "The power that is missing is found again as heat.",
        energy=True,
    ),
    "blade_erosion": Picture(
        "blade_erosion@T02:20d+120d",
        160,
        ("power",),
        "In the end 5 % are missing below rated wind and nothing above it: what of the energy\n"
        "is missing depends on the day, and the days themselves differ far more.",
        period_s=1200,
        mean_h=24,
        shift=False,
        energy=True,
    ),
    "lubrication_loss": Picture(
        "lubrication_loss@T02:5d+20d",
        28,
        ("filter_pressure_drop", "oil_pressure"),
        "The filter clogs ever faster, and the pressure behind it falls.",
    ),
    "cavitation": _pump(
        "cavitation@P02:4d+4d:0.8",
        12,
        ("suction_pressure", "drive_end_vibration", "flow"),
        "The level sinks for days before the pump cavitates, and first when it works hardest.",
    ),
    "impeller_wear": _pump(
        "impeller_wear@P02:10d+40d",
        56,
        ("discharge_pressure", "flow"),
        "Head is lost slowly, at every speed.",
    ),
    "misalignment": _pump(
        "misalignment@P02:4d:0.6",
        10,
        ("drive_end_vibration", "non_drive_end_vibration"),
        "Both bearings shake, the one at the coupling more.",
    ),
    "filter_clogging": _pump(
        "filter_clogging@P02:4d+12d-18d",
        21,
        ("suction_pressure", "flow"),
        "Long nothing, then steeply; cleaned, all is well at once.",
    ),
    "sensor_offset": _sensor(
        f"sensor_offset.{OIL}@T02:1d-3d:0.6", note="From one reading to the next, all are off."
    ),
    "sensor_drift": _sensor(
        f"sensor_drift.{OIL}@T02:5d+20d",
        30,
        mean_h=1,
        note="So slow that no single day shows it, and it does not stop.",
    ),
    "sensor_gain": _sensor(
        f"sensor_gain.{OIL}@T02:1d-3d:0.6", note="The warmer it is, the larger the error."
    ),
    "sensor_stuck": _sensor(
        f"sensor_stuck.{OIL}@T02:1d-3d", note="One value, though the twin's goes on.", shift=False
    ),
    "sensor_spikes": _sensor(
        f"sensor_spikes.{OIL}@T02:1d-3d",
        seed=9,
        note="Single wild values; the one that comes again is a thermometer's 85 for none.",
        shift=False,
    ),
    "sensor_noise": _sensor(
        f"sensor_noise.{OIL}@T02:1d-3d:0.6",
        note="The mean is right; means of an hour hardly show it.",
        shift=False,
    ),
    "sensor_dropout": _sensor(
        f"sensor_dropout.{OIL}@T02:1d-3d:0.6",
        note="Holes of ten readings on average; here they take six tenths of the time.",
        shift=False,
        dots=True,
    ),
    "sensor_unit": _sensor(
        f"sensor_unit.{OIL}@T02:1d-3d", note="Fahrenheit for Celsius.", shift=False
    ),
    "sensor_intermittent": _sensor(
        f"sensor_intermittent.{OIL}@T02:1d-3d",
        note="Every second reading is missing, and at times all for hours.",
        shift=False,
        dots=True,
    ),
    "sensor_swapped": _sensor(
        f"sensor_swapped.{OIL}@T02:1d-3d",
        panels=(OIL, "ambient_temperature"),
        note="Oil and outside air have changed cables.",
        shift=False,
    ),
    "link_duplicates": _link(
        "link_duplicates@T02:60s-4m",
        0.09,
        "Dots to the right of the line are copies, up to three of a message within half a minute.",
        period_s=10,
    ),
    "link_late": _link(
        "link_late@T02:6h-40h:0.5",
        48,
        "Nothing for hours, then hours of readings at once: the upright rows.",
        period_s=600,
    ),
    "link_out_of_order": _link(
        "link_out_of_order@T02:10m-40m",
        0.85,
        "Each message takes a time of its own; later ones overtake earlier ones.",
        period_s=20,
    ),
    "clock_skew": _link(
        "clock_skew@T02:3h+3h-12h",
        16,
        "The device's clock runs away for three hours and stays two hours off, until it is set.",
        period_s=300,
    ),
    "clock_jump": _link(
        "clock_jump.step@T01:6h-18h:0.3 clock_jump.1970@T02:6h-18h"
        " clock_jump.2036@T03:6h-18h clock_jump.2038@T04:6h-18h",
        24,
        "Above a step of some hours; below the three dates at which clocks begin anew.",
        period_s=600,
    ),
    "epoch_unit": _link(
        "epoch_unit.s@T01:6h-18h epoch_unit.ms@T02:6h-18h"
        " epoch_unit.us@T03:6h-18h epoch_unit.ns@T04:6h-18h",
        24,
        "The same times, as a text before and after, and as four kinds of numbers between.",
        period_s=600,
    ),
    "stale_retained": _link(
        "stale_retained@T02:10m-50m",
        1,
        "One old message comes again and again: the row of dots at the bottom.",
        period_s=20,
    ),
    "same_client_id": _link(
        "same_client_id@T02:10m-50m",
        1,
        "Thrown out, silent; back again with the last message once more, and then what came up.",
        period_s=20,
    ),
    "season": Picture(
        "season.warmer@T02:30d+180d",
        240,
        ("ambient_temperature", OIL),
        "It gets warmer by 15 K beyond the season that the twin has too, and the oil with it.",
        period_s=1200,
        mean_h=24,
    ),
    "firmware": Picture(
        "firmware@T02:4d",
        10,
        ("pitch_angle_1", "power"),
        "2 % more power below rated wind, and blades that turn in earlier at its edge.",
        energy=True,
    ),
    "oil_change": Picture(
        "oil_change@T02:4d",
        10,
        (OIL, "power"),
        "A stop of four hours, and from then on cooler oil under load.",
    ),
    "bearing_replacement": Picture(
        "bearing_replacement@T02:4d",
        10,
        ("vibration", "power"),
        "A stop of eight hours, and half of the vibration is gone.",
    ),
    "service": Picture(
        "service@T02:1d",
        3,
        ("status", "power", "rotor_speed"),
        "Stopped: status 3, no power, and a rotor that stands.",
        mean_h=0,
        shift=False,
    ),
    "recalibration": _sensor(
        f"recalibration.{OIL}@T02:2d", 6, mean_h=1, note="As little as a data sheet allows."
    ),
    "curtailment": Picture(
        "curtailment@T02:22h-5d:0.8",
        5.5,
        ("power", "pitch_angle_1", "status"),
        "Each night from 22 h to 6 h the power is capped and the blades pitch for it.",
        mean_h=0,
        shift=False,
    ),
    "sensor_replacement": _sensor(
        f"sensor_replacement.{OIL}@T02:2d", 6, note="A little off, and twice as noisy."
    ),
    "new_neighbour": Picture(
        "new_neighbour@T02:5d+3d",
        14,
        ("tower_acceleration", "wind_speed", "power"),
        "Less wind, less power, and more shaking.",
        shift=False,
        energy=True,
    ),
    "ageing": Picture(
        "ageing@T02:30d+365d",
        400,
        ("power", "vibration"),
        "One per cent in a year, in days that differ by all there is.",
        period_s=1800,
        mean_h=24,
        shift=False,
        energy=True,
    ),
}
