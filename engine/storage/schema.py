"""The tables of the store, with what each column holds."""

SCHEMA_VERSION = 4

_POINTS = """
CREATE TABLE IF NOT EXISTS points (                -- one row a record
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    wall_time REAL NOT NULL,         -- seconds since 1970, UTC
    seconds REAL NOT NULL,           -- since the run's training began, pauses left out
    training_loss REAL,              -- null where not a finite number
    training_accuracy REAL,
    validation_loss REAL,
    validation_accuracy REAL,
    gradient_norm REAL,              -- of the first layer's kernel
    learning_rate REAL,
    gradient_norms BLOB NOT NULL,    -- float32, little-endian, one entry a layer as in runs.layers; NaN: not finite
    update_ratios BLOB NOT NULL,
    dead_units BLOB NOT NULL,        -- int32, one entry an activation as in runs.activations: units that gave only 0
    activation_means BLOB NOT NULL,  -- float32, one entry an activation
    activation_deviations BLOB NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID
"""

# What turns the tables of an older version into those of the next; tables that are new come with the schema itself.
# Up to version 2 the numbers of layers were JSON text; ``floats`` and ``integers`` make of it what they are now.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE points ADD COLUMN dead_units TEXT NOT NULL DEFAULT '[]'",),
    2: (
        "ALTER TABLE experiments ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE experiments ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE experiments ADD COLUMN deleted REAL",
        "ALTER TABLE experiments ADD COLUMN thumbnail TEXT",
        "ALTER TABLE experiments ADD COLUMN resumed REAL",
        "ALTER TABLE experiments ADD COLUMN spent REAL NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN activations TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE runs ADD COLUMN units TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE points RENAME TO points_of_version_2",
        _POINTS,
        "INSERT INTO points SELECT run, step, epoch, wall_time, seconds, training_loss, training_accuracy, "
        "validation_loss, validation_accuracy, gradient_norm, learning_rate, floats(gradient_norms), "
        "floats(update_ratios), integers(dead_units), x'', x'' FROM points_of_version_2",
        "DROP TABLE points_of_version_2",
    ),
    3: (
        "ALTER TABLE experiments ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        # Version 2 had no queue, and was brought up to this one without an end in between.
        "CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, place REAL NOT NULL, experiment TEXT NOT NULL, "
        "spec TEXT NOT NULL, extends INTEGER REFERENCES experiments(id) ON DELETE CASCADE, added REAL NOT NULL)",
        "ALTER TABLE queue ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE queue ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    ),
}

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
    finished REAL,
    title TEXT NOT NULL DEFAULT '',  -- what its owner calls it
    notes TEXT NOT NULL DEFAULT '',
    deleted REAL,                    -- when it was thrown away; null where it was not
    resumed REAL,                    -- when it last went on with further runs; null where it never did
    spent REAL NOT NULL DEFAULT 0,   -- seconds it had taken until then
    thumbnail TEXT,                  -- JSON: for each variant its colour and up to 48 validation accuracies
    owner TEXT NOT NULL DEFAULT ''   -- the lock file held by the program that carries it out, or did last
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
    activations TEXT NOT NULL DEFAULT '[]',   -- names of the activations, JSON
    units TEXT NOT NULL DEFAULT '[]',     -- how many units or channels each activation has, JSON
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
CREATE TABLE IF NOT EXISTS interventions (         -- what befell a run while it trained
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,           -- the last step before it
    seconds REAL NOT NULL,           -- training time until then
    wall_time REAL NOT NULL,
    kind TEXT NOT NULL,              -- paused, resumed, learning rate, continued, continued elsewhere
    value REAL                       -- the new learning rate
);
CREATE INDEX IF NOT EXISTS interventions_of_run ON interventions(run);
CREATE TABLE IF NOT EXISTS mistakes (              -- wrong test images the network was surest of
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,           -- 0: the surest
    image INTEGER NOT NULL,          -- position in the test set
    true INTEGER NOT NULL,           -- class indices
    predicted INTEGER NOT NULL,
    confidence REAL NOT NULL,        -- probability of the predicted class
    shape TEXT NOT NULL,             -- JSON: height, width, channels
    data BLOB NOT NULL,              -- uint8, as the network saw it
    PRIMARY KEY (run, rank)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (           -- the newest of each run that has not finished
    run INTEGER PRIMARY KEY REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    data BLOB NOT NULL               -- .npz without pickles: see engine/training/checkpoints.py
);
CREATE TABLE IF NOT EXISTS queue (                 -- experiments that wait for their turn
    id INTEGER PRIMARY KEY,
    place REAL NOT NULL,             -- the least comes first
    experiment TEXT NOT NULL,        -- which experiment, such as architectures
    spec TEXT NOT NULL,              -- its settings, JSON
    extends INTEGER REFERENCES experiments(id) ON DELETE CASCADE,  -- the experiment that gets further runs, or null
    added REAL NOT NULL,
    resumes INTEGER NOT NULL DEFAULT 0,  -- 1: the experiment extended goes on where it was interrupted
    owner TEXT NOT NULL DEFAULT ''   -- the lock file held by the program that has taken it, or did last
);
"""

# One statement each, for a transaction can't hold a script.
SCHEMA = (*(statement for statement in _TABLES.split(";\n") if statement.strip()), _POINTS)
