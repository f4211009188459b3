"""Every key that timeloopfe v4 knows is read, refused by its name, or of no effect and listed so.

The keys are those of timeloopfe's classes (pytimeloop/timeloopfe/v4); what each is here is seen
from what changes, not from how it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from places import ROOT

from red_timeloop.errors import InputError
from red_timeloop.spec.types import Specification

Read = Callable[..., Specification]
PAGE = ROOT / "docs" / "specifications.md"

# where -> keys with a value that differs from what is there
TOP = {
    "read": {
        "architecture": "{}",
        "problem": "{}",
        "variables": "{width_of_all: 3}",
        "constraints": "{targets: [{target: near, type: temporal, factors: [C=1]}]}",
        "mapping": "[{target: near, type: temporal, factors: [C=4, M=4]}]",
        "mapper": "{optimization_metric: [delay]}",
        "mapspace": "[{target: near, type: temporal, factors: [C=1]}]",
        "ERT": "{tables: [{name: near, actions: [{name: read, energy: 2}]}]}",
        "ART": "{tables: [{name: near, area: 2}]}",
    },
    "refused": {"globals": "{expression_custom_functions: [a.py]}"},
    "no effect": {"components": "{version: 0.4, classes: [{name: a}]}"},
}
NODE = {
    "read": {
        "name": "other",
        "class": "SRAM2",
        "subclass": "cell",
        "spatial": "{meshX: 2}",
        "attributes": "{width: 32, datawidth: 8, depth: 4}",
        "constraints": "{temporal: {factors: [C=2]}}",
        "required_actions": "[read, dance]",
        "area_scale": "2",
        "energy_scale": "2",
        "enabled": "False",
    },
}
ATTRIBUTES = {
    "read": {
        **{"datawidth": "4", "width": "128", "depth": "32", "cluster_size": "2"},
        **{"multiple_buffering": "2", "min_utilization": "0.5", "reduction_supported": "False"},
        **{"shared_bandwidth": "2", "read_bandwidth": "2", "write_bandwidth": "2"},
        **{"has_power_gating": "True", "power_gated_at": "'far'", "allow_overbooking": "True"},
        "per_dataspace_bandwidth_consumption_scale": "{W: 2}",
        "block_size": "4",
    },
    "refused": {
        **{"entries": "4", "sizeKB": "4"},  # beside depth
        **{"network_fill_latency": "4", "network_drain_latency": "4"},
    },
    "no effect": {
        **{"technology": "'32nm'", "n_banks": "4"},
        **{"metadata_block_size": "4", "metadata_datawidth": "4", "metadata_storage_width": "4"},
        **{"metadata_storage_depth": "4", "concordant_compressed_tile_traversal": "True"},
        **{"tile_partition_supported": "True", "decompression_supported": "True"},
        "compression_supported": "True",
    },
}
TEMPORAL = {
    "read": {
        **{"factors": "[M<=2]", "factors_only": "[C=2]", "permutation": "[M, C]"},
        **{"default_max_factor": "2", "default_min_factor": "2", "no_reuse": "[W]"},
        **{"rmw_first_update": "[O]", "no_iteration_over_dataspaces": "[W]"},
        **{"must_iterate_over_dataspaces": "[I]", "maximize_dims": "[[C]]"},
    },
    "no effect": {"remainders": "2"},
}
SPATIAL = {
    "read": {
        **{"factors": "[M<=2]", "factors_only": "[C=2]", "permutation": "[M, C]"},
        **{"default_max_factor": "2", "default_min_factor": "2", "no_reuse": "[W]"},
        **{"no_link_transfer": "[O]", "no_iteration_over_dataspaces": "[I]"},
        **{"must_iterate_over_dataspaces": "[I]", "maximize_dims": "[[C]]", "split": "1"},
    },
    "no effect": {"remainders": "2"},
}
DATASPACE = {
    "read": {
        **{"keep": "[W]", "bypass": "[W]", "no_coalesce": "[W]", "keep_only": "[W]"},
        "bypass_only": "[W]",
    },
}
OTHER = {
    "read": {
        "max_overbooked_proportion": "{proportion: 0.5}",
        "utilization": "{min: 0.5}",
    },
}
MAPPER = {
    "read": {
        **{"optimization_metric": "[delay]", "optimization_metrics": "[delay]"},
        "max_temporal_loops_in_a_mapping": "4",
    },
    "no effect": {
        **{"out_prefix": "a", "num_threads": "4", "search_size": "4", "timeout": "4"},
        **{"victory_condition": "4", "sync_interval": "4", "log_interval": "4"},
        **dict.fromkeys(("log_oaves", "log_oaves_mappings", "log_stats", "log_suboptimal"), "True"),
        **dict.fromkeys(("live_status", "diagnostics", "emit_whoop_nest"), "True"),
        **{"penalize_consecutive_bypass_fails": "True", "algorithm": "random"},
        **{"filter_revisits": "True", "max_permutations_per_if_visit": "4"},
    },
}
GLOBALS = {
    "refused": {"expression_custom_functions": "[a.py]"},
    "no effect": {"accelergy_plug_ins": "[a]", "environment_variables": "{TIMELOOP_X: 1}"},
}
SHAPE = {
    "read": {
        "name": "other",
        "dimensions": "[M, C]",
        "coefficients": "[{name: s}]",
        "data_spaces": "[]",
    },
}
SPACE = {"read": {"name": "V", "projection": "[[[C]]]", "read_write": "True"}}

HEAD = """\
architecture:
  nodes:
  - !Component {name: far, class: DRAM, attributes: {width: 64, datawidth: 8}}
  - !Container {name: pe, spatial: {meshX: 4, meshY: 2}@PE@}
  - !Component {@NODE@}
  - !Component {name: mac, class: intmac}
problem:
  instance: {C: 8, M: 16}
  shape: {@SHAPE@}
"""
NEAR = {"name": "near", "class": "SRAM", "attributes": "{width: 64, datawidth: 8, depth: 16}"}
MATRIX = {
    "name": "p",
    "dimensions": "[C, M]",
    "data_spaces": "[{@SPACE@}, {name: I, projection: [C]}, "
    "{name: O, projection: [M], read_write: True}]",
}
WEIGHTS = {"name": "W", "projection": "[C, M]"}


def flow(values: dict[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in values.items())


def specification(
    *,
    node: dict[str, str] | None = None,
    pe: str = "",
    shape: dict[str, str] | None = None,
    space: dict[str, str] | None = None,
    rest: str = "",
) -> str:
    text = HEAD.replace("@NODE@", flow({**NEAR, **(node or {})})).replace("@PE@", pe)
    text = text.replace("@SHAPE@", flow({**MATRIX, **(shape or {})}))
    return text.replace("@SPACE@", flow({**WEIGHTS, **(space or {})})) + rest


def within(block: str) -> Callable[[str, str], str]:
    """Return how a key of a constraint block of the node (or the container) is given."""

    def text(key: str, value: str) -> str:
        given = {key: value}
        if key == "maximize_dims":
            given["maximize_dims_capacity"] = "4"
        inside = f"{{{block}: {{{flow(given)}}}}}"
        if block == "spatial":
            return specification(pe=f", constraints: {inside}")
        return specification(node={"constraints": inside})

    return text


def attribute(key: str, value: str) -> str:
    given = {"width": "64", "datawidth": "8", "depth": "16", key: value}
    return specification(node={"attributes": "{" + flow(given) + "}"})


GROUPS: dict[str, tuple[dict[str, dict[str, str]], Callable[[str, str], str]]] = {
    "top": (TOP, lambda key, value: specification(rest=f"{key}: {value}\n")),
    "component": (NODE, lambda key, value: specification(node={key: value})),
    "attributes": (ATTRIBUTES, attribute),
    "temporal": (TEMPORAL, within("temporal")),
    "spatial": (SPATIAL, within("spatial")),
    "dataspace": (DATASPACE, within("dataspace")),
    "constraints": (
        OTHER,
        lambda key, value: specification(node={"constraints": f"{{{key}: {value}}}"}),
    ),
    "mapper": (
        MAPPER,
        lambda key, value: specification(rest=f"mapper: {{{key}: {value}}}\n"),
    ),
    "globals": (
        GLOBALS,
        lambda key, value: specification(rest=f"globals: {{{key}: {value}}}\n"),
    ),
    "shape": (SHAPE, lambda key, value: specification(shape={key: value})),
    "data space": (SPACE, lambda key, value: specification(space={key: value})),
}
CASES = [
    (group, key, value, verdict)
    for group, (verdicts, _) in GROUPS.items()
    for verdict, keys in verdicts.items()
    for key, value in keys.items()
]


def counted(found: Specification) -> Specification:
    """Return what counts and cycles can depend on: not what is only handed on as it was given."""
    levels = tuple(replace(level, attributes={}) for level in found.architecture.levels)
    architecture = replace(found.architecture, levels=levels)
    constraints = {
        name: replace(
            each,
            temporal=replace(each.temporal, remainders=None),
            spatial=replace(each.spatial, remainders=None),
        )
        for name, each in found.constraints.levels.items()
    }
    return replace(
        found,
        architecture=architecture,
        constraints=replace(found.constraints, levels=constraints),
        mapper={},
        globals={},
        notes=(),
    )


def outcome(read: Read, text: str) -> Specification | str:
    try:
        return counted(read(text))
    except InputError as refusal:
        return str(refusal)


@pytest.mark.parametrize(("group", "key", "value", "verdict"), CASES)
def test_keys_are_read_refused_or_without_effect(
    read: Read, group: str, key: str, value: str, verdict: str
) -> None:
    before = outcome(read, specification())
    assert isinstance(before, Specification), before
    after = outcome(read, GROUPS[group][1](key, value))
    if verdict == "refused":
        assert isinstance(after, str)
        assert key in after or "expression_custom_functions" in after
    elif verdict == "read":
        assert after != before
    else:
        assert after == before
    if verdict != "read":
        section = PAGE.read_text().partition(f"## What is {verdict.replace('no', 'of no')}")[2]
        section = section.partition("\n## ")[0]
        assert f"`{key}`" in section, f"docs/specifications.md does not list {key}"


@pytest.mark.parametrize("group", GROUPS)
def test_other_keys_are_refused(read: Read, group: str) -> None:
    if group == "attributes":
        return  # any attribute is handed on to whoever prices the component
    found = outcome(read, GROUPS[group][1]("unheard_of", "1"))
    assert isinstance(found, str)
    assert "unheard_of: unknown key" in found
    assert isinstance(outcome(read, GROUPS[group][1]("note_ignored", "1")), Specification)


def test_the_page_names_no_key_twice() -> None:
    text = PAGE.read_text()
    for heading in ("refused", "of no effect"):
        section = text.partition(f"## What is {heading}")[2].partition("\n## ")[0]
        first = [re.match(r"\* `(\w+)`", line) for line in section.splitlines()]
        names = [each.group(1) for each in first if each]
        assert len(names) == len(set(names))
