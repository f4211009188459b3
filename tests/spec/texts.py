"""A small specification that the tests read and damage."""

from __future__ import annotations

ARCHITECTURE = """\
variables: {version: 0.4, technology: "32nm", global_cycle_seconds: 1e-9, columns: 4, rows: 2 * 4}
architecture:
  version: 0.4
  nodes:
  - !Container {name: chip, attributes: {vdd: 0.9}}
  - !Component
    name: buffer
    class: SRAM
    attributes: {depth: 64 * rows, width: 32, datawidth: 8, read_bandwidth: 4}
  - !Container {name: column, spatial: {meshX: columns}}
  - !Container {name: row, spatial: {meshY: rows}}
  - !Component
    name: cell
    class: storage
    subclass: reram_cell
    attributes: {depth: 4, width: 8, datawidth: 8}
    constraints: {dataspace: {keep: [Weights], bypass: [Inputs, Outputs]}}
  - !Component {name: mac, class: compute, subclass: reram_mac}
"""
PROBLEM = """\
problem:
  version: 0.4
  instance: {C: 16, M: 8, P: 6, R: 3, stride: 2}
  shape:
    name: conv
    dimensions: [C, M, P, R]
    coefficients: [{name: stride, default: 1}, {name: dilation, default: 1}]
    data_spaces:
    - {name: Weights, projection: [C, M, R]}
    - {name: Inputs, projection: [[[C]], [[P, stride], [R, dilation]]]}
    - {name: Outputs, projection: [[[M]], [[P]]], read_write: True}
"""
MAPPING = """\
mapping:
- {target: buffer, type: temporal, factors: [C=2, P=6], permutation: [P, C, M, R]}
- {target: column, type: spatial, factors: [M=4], permutation: [M], split: 99}
- {target: row, type: spatial, factors: [C=8], split: 0}
- {target: cell, type: temporal, factors: [M=2, R=0], permutation: [R, M]}
"""
