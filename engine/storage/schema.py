"""The database schema, with the contents of each column."""

SCHEMA_VERSION = 7

_POINTS = """
CREATE TABLE IF NOT EXISTS points (                -- one row a record
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,          -- 0: unknown, of a logged run
    wall_time REAL NOT NULL,         -- seconds since 1970, UTC
    seconds REAL,                    -- since the run's training began, pauses left out; null: unknown, of a logged run
    training_loss REAL,              -- null where not a finite number; of a logged run, where none was logged
    training_accuracy REAL,
    validation_loss REAL,
    validation_accuracy REAL,
    gradient_norm REAL,              -- of the first layer's weights
    learning_rate REAL,
    gradient_norms BLOB NOT NULL,    -- float32, little-endian, one entry a layer as in runs.layers; NaN: not finite
    update_ratios BLOB NOT NULL,
    dead_units BLOB NOT NULL,        -- int32, one entry an activation as in runs.activations: units that gave only 0
    activation_means BLOB NOT NULL,  -- float32, one entry an activation
    activation_deviations BLOB NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID
"""

# Statements that migrate the tables of a version to the next one; new tables are created by the schema itself.
# Up to version 2 numbers per layer were JSON text; the SQL functions ``floats`` and ``integers`` pack it into BLOBs.
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
        # Version 2 had no queue, and is migrated to version 4 without creating the new tables of version 3 in between.
        "CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, place REAL NOT NULL, experiment TEXT NOT NULL, "
        "spec TEXT NOT NULL, extends INTEGER REFERENCES experiments(id) ON DELETE CASCADE, added REAL NOT NULL)",
        "ALTER TABLE queue ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE queue ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    ),
    4: ("ALTER TABLE experiments ADD COLUMN start_seconds REAL",),
    5: (  # ``seconds`` may be null
        "ALTER TABLE points RENAME TO points_of_version_5",
        _POINTS,
        "INSERT INTO points SELECT * FROM points_of_version_5",
        "DROP TABLE points_of_version_5",
    ),
    6: ("ALTER TABLE runs ADD COLUMN kept TEXT",),
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
    deleted REAL,                    -- when it was deleted, to be restored or purged; or null
    resumed REAL,                    -- when it was last resumed or extended; null if never
    spent REAL NOT NULL DEFAULT 0,   -- seconds it had taken until then
    start_seconds REAL,              -- until its first run; null if that included what is done only once, or is unknown
    thumbnail TEXT,                  -- JSON: for each variant its colour and up to 48 validation accuracies
    owner TEXT NOT NULL DEFAULT ''   -- lock file of the program that runs it, or ran it last
);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
    variant TEXT NOT NULL,
    repeat INTEGER NOT NULL,         -- counts from 1
    seed INTEGER NOT NULL,           -- -1: unknown, of a logged run
    spec TEXT NOT NULL,              -- settings of this run, JSON
    parameters INTEGER NOT NULL,     -- 0: unknown, of a logged run
    total_steps INTEGER NOT NULL,    -- likewise
    steps_per_epoch INTEGER,
    layers TEXT NOT NULL DEFAULT '[]',    -- names of the layers with parameters, JSON
    activations TEXT NOT NULL DEFAULT '[]',   -- names of the activations, JSON
    units TEXT NOT NULL DEFAULT '[]',     -- number of units or channels of each activation, JSON
    versions TEXT NOT NULL DEFAULT '{}',
    device TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    started REAL,                    -- seconds since 1970, UTC
    finished REAL,
    seconds REAL,                    -- training time including validation, without tracing and test
    test_loss REAL,
    test_accuracy REAL,              -- fraction
    confusion TEXT,                  -- JSON, rows are true classes
    model TEXT,                      -- path of the trained network inside the workspace
    kept TEXT                        -- JSON: of which epoch the tested weights are; null: those after the last step
);
CREATE INDEX IF NOT EXISTS runs_of_experiment ON runs(experiment);
CREATE TABLE IF NOT EXISTS weights (
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    layer TEXT NOT NULL,
    shape TEXT NOT NULL,             -- JSON, PyTorch's layout
    input_shape TEXT NOT NULL,       -- JSON, input of the layer: height, width, channels
    data BLOB NOT NULL,              -- float32, little-endian, C order
    PRIMARY KEY (run, layer, step)
);
CREATE TABLE IF NOT EXISTS computations (          -- results of experiments without runs
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
CREATE TABLE IF NOT EXISTS interventions (         -- changes to a run while it trained
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,           -- the last step before it
    seconds REAL NOT NULL,           -- training time until then
    wall_time REAL NOT NULL,
    kind TEXT NOT NULL,              -- paused, resumed, learning rate, continued, continued elsewhere
    value REAL                       -- the new learning rate
);
CREATE INDEX IF NOT EXISTS interventions_of_run ON interventions(run);
CREATE TABLE IF NOT EXISTS metrics (               -- further numbers of logged runs
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL NOT NULL,             -- infinite where not a finite number
    PRIMARY KEY (run, name, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (                  -- how far the files of logged runs have been read
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    file TEXT NOT NULL,              -- relative to the watched folder, with /
    size INTEGER NOT NULL,           -- bytes read
    PRIMARY KEY (run, file)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dismissed (             -- logged runs of deleted experiments, not to be read again
    folder TEXT NOT NULL,
    source TEXT NOT NULL,            -- relative to the folder, as in the spec of a run
    PRIMARY KEY (folder, source)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mistakes (              -- misclassified test images of highest confidence
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,           -- 0: highest confidence
    image INTEGER NOT NULL,          -- position in the test set
    true INTEGER NOT NULL,           -- class indices
    predicted INTEGER NOT NULL,
    confidence REAL NOT NULL,        -- probability of the predicted class
    shape TEXT NOT NULL,             -- JSON: height, width, channels
    data BLOB NOT NULL,              -- uint8, the prepared image
    PRIMARY KEY (run, rank)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (           -- the newest of each run that has not finished
    run INTEGER PRIMARY KEY REFERENCES runs(id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    data BLOB NOT NULL               -- .npz without pickles: see engine/training/checkpoints.py
);
CREATE TABLE IF NOT EXISTS queue (                 -- experiments that wait to be run
    id INTEGER PRIMARY KEY,
    place REAL NOT NULL,             -- position, ascending
    experiment TEXT NOT NULL,        -- which experiment, such as architectures
    spec TEXT NOT NULL,              -- its settings, JSON
    extends INTEGER REFERENCES experiments(id) ON DELETE CASCADE,  -- the experiment that gets further runs, or null
    added REAL NOT NULL,
    resumes INTEGER NOT NULL DEFAULT 0,  -- 1: resume the interrupted experiment ``extends``
    owner TEXT NOT NULL DEFAULT ''   -- lock file of the program that has taken it, or took it last
);
"""

# Single statements, as ``executescript`` would commit the transaction.
SCHEMA = (*(statement for statement in _TABLES.split(";\n") if statement.strip()), _POINTS)
