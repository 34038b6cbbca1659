"""Tests of engine.devices; a package, so that the modules can share the helpers in conftest."""
