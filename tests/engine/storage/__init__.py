"""Tests of engine.datasets; a package, so that the modules can share the helpers in conftest."""
