"""Tests of engine.workspace."""
