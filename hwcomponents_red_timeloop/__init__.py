"""The ReRAM models of red_timeloop for users of `hwcomponents` and AccelForge.

`hwcomponents` looks through installed packages whose name begins with `hwcomponents_`, so these
are found without a word. A component is named `red_` and the subclass: `red_reram_array`,
`red_reram_cell`, `red_row_driver`, `red_adc`, `red_shift_add`, and the circuits that read a column
without an ADC. Arguments are the model's attributes, `tech_node` [m], `parameters` (a parameter
set) and the circuit numbers; energies, areas and leakage are those of `red_timeloop.components`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hwcomponents import ActionCost, ComponentModel, action

from red_timeloop.circuit import Circuit
from red_timeloop.components.attributes import attributes_of
from red_timeloop.components.registry import build, find

__all__: list[str] = []

_NAMES = (
    *("adc", "integrate_and_fire", "reram_array", "reram_cell", "row_driver"),
    *("sense_amplifier", "shift_add", "survey_adc"),
)


def _model(subclass: str) -> type:
    """Make the `ComponentModel` of one subclass; hwcomponents reads its arguments' names."""
    component = find(subclass)
    assert component is not None
    own = attributes_of(component)
    needed = [each.name for each in own.values() if each.needed]
    given = dict.fromkeys(("tech_node", "parameters", *own, *Circuit.names()))
    optional = [name for name in given if name not in needed]

    def make(self: Any) -> None:
        attributes = {key: getattr(self, key) for key in (*needed, *optional)}
        node = attributes.pop("tech_node")
        if node is not None:
            attributes["technology"] = float(node) * 1e9
        self.component = build(subclass, attributes)
        area, leakage = float(self.component.area), float(self.component.leakage_power)
        ComponentModel.__init__(self, leak_power=leakage, area=area)

    def cost(self: Any, name: str) -> ActionCost:
        latency = float(self.component.latency)
        rate = 1 / latency if latency else float("inf")
        energy = float(self.component.energy(name))
        return ActionCost(energy=energy, latency=latency, throughput=rate)

    def named(name: str) -> Any:
        def act(self: Any) -> ActionCost:
            return cost(self, name)

        act.__name__ = name
        act.__doc__ = f"Return the cost of one {name}."
        return action(act)

    title = "Red" + "".join(part.capitalize() for part in subclass.split("_"))
    fields = [(name, Any) for name in needed]
    fields += [(name, Any, dataclasses.field(default=None)) for name in optional]  # type: ignore[misc]
    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": component.__doc__,
        "__post_init__": make,
        "component_name": [f"red_{subclass}", title],
        "priority": 0.5,
        **{each: named(each) for each in component.actions if each != "leak"},
    }
    return dataclasses.make_dataclass(
        title, fields, bases=(ComponentModel,), namespace=namespace, eq=False, repr=False
    )


for _name in _NAMES:
    _made = _model(_name)
    globals()[_made.__name__] = _made
    __all__ += [_made.__name__]
