"""What a specification says beside architecture, problem and mapping, and whether it has an effect.

Sections `mapper`, `mapspace` and `globals` steer Timeloop's programs. What changes a count is
obeyed or refused by name; what only steers the search of timeloop-mapper is told in a note; what
only shapes its output is legal and has no effect here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from red_timeloop.spec.fields import check_keys, check_version, error, integer, mapping
from red_timeloop.spec.fields import names as listed
from red_timeloop.spec.loader import YamlList, YamlMap, type_name

__all__ = ["MapperSettings", "check_globals", "mapspace_targets", "read_mapper"]

Metric = Literal["delay", "energy", "edp"]
METRICS: tuple[Metric, ...] = get_args(Metric)
# steer the search of timeloop-mapper and no other
SEARCH_KEYS = (
    *("algorithm", "num_threads", "search_size", "timeout", "victory_condition", "sync_interval"),
    *("penalize_consecutive_bypass_fails", "filter_revisits", "max_permutations_per_if_visit"),
)
# shape what timeloop-mapper prints
OUTPUT_KEYS = (
    *("out_prefix", "log_interval", "log_oaves", "log_oaves_mappings", "log_stats"),
    *("log_suboptimal", "log_all", "log_all_mappings", "log_mappings_yaml"),
    *("log_mappings_verbose", "log_orojenesis_mappings", "live_status", "diagnostics"),
    "emit_whoop_nest",
)
_METRIC_KEYS = ("optimization_metric", "optimization_metrics")
_LOOPS = "max_temporal_loops_in_a_mapping"
MAPPER_KEYS = ("version", *SEARCH_KEYS, *OUTPUT_KEYS, *_METRIC_KEYS, _LOOPS)
# timeloopfe fills these in when it writes what it was not given
_DEFAULTS = {
    **{"num_threads": 8, "timeout": 1000, "algorithm": "hybrid", "filter_revisits": False},
    **{"max_permutations_per_if_visit": 16, "penalize_consecutive_bypass_fails": False},
}
# environment variables of Timeloop that change counts (src/loop-analysis/nest-analysis.cpp)
COUNTING_VARIABLES = (
    *("TIMELOOP_DISABLE_LINK_TRANSFERS", "TIMELOOP_ENABLE_TOROIDAL_LINKS"),
    *("TIMELOOP_DISABLE_TEMPORAL_EXTRAPOLATION", "TIMELOOP_DISABLE_SPATIAL_EXTRAPOLATION"),
    "TIMELOOP_DISABLE_FIRST_ELEMENT_ONLY_SPATIAL_EXTRAPOLATION",
    *("TIMELOOP_RUN_LAST_ITERATION", "TIMELOOP_USE_ISL", "TIMELOOP_ENABLE_FIRST_READ_ELISION"),
)


@dataclass(frozen=True)
class MapperSettings:
    """What `mapper` says that this package obeys, and what of it steers timeloop-mapper alone.

    Attributes:
        metrics: What is optimized first, second and so on: `delay`, `energy`, `edp`.
        most_temporal_loops: Loops over time of more than one iteration that a mapping may have.
        search: Keys given that only timeloop-mapper's search has.
    """

    metrics: tuple[Metric, ...] = ()
    most_temporal_loops: int | None = None
    search: tuple[str, ...] = ()


def read_mapper(section: YamlMap) -> MapperSettings:
    """Read the value of the key `mapper`.

    Raises:
        InputError: A key or metric is unknown, or one that changes results is not modelled.
    """
    check_version(section, "mapper")
    check_keys(section, MAPPER_KEYS, "mapper")
    limit = None
    if section.get(_LOOPS) not in (None, -1):
        limit = integer(section, _LOOPS, "mapper", least=0) or None  # 0 is none too
    metrics: list[Metric] = []
    for key in _METRIC_KEYS:
        for name in section[key] if isinstance(section.get(key), list) else [section.get(key)]:
            if name is not None and name not in METRICS:
                raise error(
                    f"the metric {name!r} is not modelled",
                    section,
                    key,
                    path="mapper",
                    legal=METRICS,
                )
        named = listed(section, key, "mapper", METRICS, "metric")
        metrics += [each for name in named for each in METRICS if each == name]
    search = tuple(
        key
        for key in SEARCH_KEYS
        if section.get(key) is not None and section[key] != _DEFAULTS.get(key)
    )
    return MapperSettings(tuple(dict.fromkeys(metrics)), limit, search)


def mapspace_targets(section: object, root: YamlMap) -> YamlList:
    """Return the constraints below `mapspace`, as timeloop-mapper finds them.

    Raises:
        InputError: A key is unknown, or the template's mappings are not modelled.
    """
    if isinstance(section, YamlList):
        return section
    inner = mapping(root, "mapspace", "")
    check_version(inner, "mapspace")
    check_keys(inner, ("version", "template", "targets", "constraints"), "mapspace")
    if inner.get("template") not in (None, "uber"):
        raise error(
            f"the template {inner['template']!r} is not modelled"
            " (ruby's imperfect factors leave a remainder)",
            inner,
            "template",
            path="mapspace",
            legal="uber",
        )
    for key in ("constraints", "targets"):
        found = inner.get(key)
        if isinstance(found, YamlList):
            return found
        if found is not None:
            raise error(f"expected a list, got {type_name(found)}", inner, key, path="mapspace")
    return YamlList(inner.file, inner.line)


def check_globals(section: YamlMap) -> None:
    """Refuse what `globals` says that changes a value or a count.

    Raises:
        InputError: Functions in Python are named, or a variable that changes Timeloop's counts is
            set.
    """
    path = "globals"
    check_version(section, path)
    legal = ("environment_variables", "expression_custom_functions", "accelergy_plug_ins")
    check_keys(section, ("version", *legal), path)
    if section.get("expression_custom_functions"):
        raise error(
            "functions in Python files are not run",
            section,
            "expression_custom_functions",
            path=path,
            legal="the values that they give",
        )
    variables = mapping(section, "environment_variables", path)
    for name in variables:
        if name in COUNTING_VARIABLES and variables[name] not in (None, False, "0"):
            raise error(
                f"{name} changes Timeloop's counts and is not modelled",
                variables,
                name,
                path=f"{path}.environment_variables",
                legal="0",
            )
