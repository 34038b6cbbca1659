"""Tests of engine.storage; a package, so that the modules can share the helpers in conftest."""
