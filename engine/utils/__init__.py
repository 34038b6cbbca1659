"""What everything else stands on: types, errors, texts, paths, files, logs."""
