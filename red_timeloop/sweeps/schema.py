"""The tables of a store. A change to them is a new number of `SCHEMA`."""

from __future__ import annotations

__all__ = ["APPLICATION", "SCHEMA", "TABLES", "UPGRADES"]

SCHEMA = 2
UPGRADES = {  # from the schema before
    2: (
        "ALTER TABLE points ADD COLUMN checksum INTEGER",
        "ALTER TABLE evaluations ADD COLUMN checksum INTEGER",
    )
}
APPLICATION = 0x52454453  # marks a SQLite file as a store of sweeps

TABLES = """
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    workload TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: layers, engine, versions
);
CREATE TABLE bases (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: every number of the parameter set
);
CREATE TABLE designs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE points (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,        -- digest of context and effective parameter set
    context INTEGER NOT NULL REFERENCES contexts,
    base INTEGER NOT NULL REFERENCES bases,
    changes TEXT NOT NULL,           -- JSON: what the point changes in its base
    checksum INTEGER                 -- of the row; NULL in rows that schema 1 wrote
);
CREATE TABLE evaluations (
    point INTEGER NOT NULL REFERENCES points,
    design INTEGER NOT NULL REFERENCES designs,
    error TEXT,                      -- why there are no numbers
    cycles INTEGER,
    latency_s REAL,
    energy_J REAL,
    area_m2 REAL,
    programming_energy_J REAL,
    crossbars INTEGER,
    sqnr_dB REAL,
    checksum INTEGER,                -- of the row, with its point and its design
    PRIMARY KEY (point, design)
) WITHOUT ROWID;
CREATE TABLE layers (
    point INTEGER NOT NULL,
    design INTEGER NOT NULL,
    layer INTEGER NOT NULL,          -- position in the context's layers
    cycles INTEGER NOT NULL,
    cycle_time_s REAL NOT NULL,
    energy_J REAL NOT NULL,
    area_m2 REAL NOT NULL,
    programming_energy_J REAL NOT NULL,
    crossbars INTEGER NOT NULL,
    PRIMARY KEY (point, design, layer)
) WITHOUT ROWID;
CREATE TABLE sweeps (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: the sweep file
);
CREATE TABLE members (
    sweep INTEGER NOT NULL REFERENCES sweeps,
    point INTEGER NOT NULL REFERENCES points,
    PRIMARY KEY (sweep, point)
) WITHOUT ROWID;
CREATE VIEW results AS               -- for people: one line for each layer, design and point
SELECT p.id AS point, c.workload, d.name AS design,
    json_extract(c.content, '$.layers[' || l.layer || '].name') AS layer,
    l.cycles, l.cycle_time_s, l.cycles * l.cycle_time_s AS latency_s, l.energy_J, l.area_m2,
    l.programming_energy_J, l.crossbars, b.name AS hardware, p.changes
FROM layers l
JOIN points p ON p.id = l.point
JOIN designs d ON d.id = l.design
JOIN contexts c ON c.id = p.context
JOIN bases b ON b.id = p.base;
"""
