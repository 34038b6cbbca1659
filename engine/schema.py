"""The tables of the store, with what each column holds."""

SCHEMA_VERSION = 2

# What turns the tables of an older version into those of the next; tables that are new come with the schema itself.
MIGRATIONS = {1: "ALTER TABLE points ADD COLUMN dead_units TEXT NOT NULL DEFAULT '[]'"}

_TABLES = """
CREATE TABLE IF NOT EXISTS experiments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,              -- which experiment, such as architectures
    spec TEXT NOT NULL,              -- its settings, JSON
    seed INTEGER NOT NULL,
    dataset TEXT NOT NULL,           -- what was trained on, JSON: name, classes, fingerprint, counts, or null
    versions TEXT NOT NULL DEFAULT '{}',  -- library versions, JSON
    device TEXT NOT NULL DEFAULT '{}',    -- kind, name, threads a worker, JSON
    workers INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,           -- seconds since 1970, UTC
    finished REAL
);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
    variant TEXT NOT NULL,
    repeat INTEGER NOT NULL,         -- counts from 1
    seed INTEGER NOT NULL,
    spec TEXT NOT NULL,              -- settings of this run, JSON
    parameters INTEGER NOT NULL,
    total_steps INTEGER NOT NULL,
    steps_per_epoch INTEGER,
    layers TEXT NOT NULL DEFAULT '[]',    -- names of the layers with parameters, JSON
    versions TEXT NOT NULL DEFAULT '{}',
    device TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    started REAL,                    -- seconds since 1970, UTC
    finished REAL,
    seconds REAL,                    -- training time: validation included, tracing and test left out
    test_loss REAL,
    test_accuracy REAL,              -- fraction
    confusion TEXT,                  -- JSON, rows are true classes
    model TEXT                       -- path of the trained network, inside the workspace
);
CREATE INDEX IF NOT EXISTS runs_of_experiment ON runs(experiment);
CREATE TABLE IF NOT EXISTS points (                -- one row a record
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    wall_time REAL NOT NULL,         -- seconds since 1970, UTC
    seconds REAL NOT NULL,           -- since the run's training began
    training_loss REAL,              -- null where not a finite number
    training_accuracy REAL,
    validation_loss REAL,
    validation_accuracy REAL,
    gradient_norm REAL,              -- of the first layer's kernel
    learning_rate REAL,
    gradient_norms TEXT NOT NULL,    -- JSON, one entry a layer as in runs.layers
    update_ratios TEXT NOT NULL,
    dead_units TEXT NOT NULL DEFAULT '[]',  -- JSON, one entry an activation: units that gave 0 for every image
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS weights (
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    layer TEXT NOT NULL,
    shape TEXT NOT NULL,             -- JSON, PyTorch's layout
    input_shape TEXT NOT NULL,       -- JSON, what the layer sees: height, width, channels
    data BLOB NOT NULL,              -- float32, little-endian, C order
    PRIMARY KEY (run, layer, step)
);
CREATE TABLE IF NOT EXISTS computations (          -- what experiments without runs found
    experiment INTEGER PRIMARY KEY REFERENCES experiments(id) ON DELETE CASCADE,
    findings TEXT NOT NULL           -- JSON
);
CREATE TABLE IF NOT EXISTS arrays (
    experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    dtype TEXT NOT NULL,             -- NumPy's, such as <f8
    shape TEXT NOT NULL,             -- JSON
    data BLOB NOT NULL,              -- C order
    PRIMARY KEY (experiment, name)
);
"""

# One statement each, for a transaction can't hold a script.
SCHEMA = tuple(statement for statement in _TABLES.split(";\n") if statement.strip())
