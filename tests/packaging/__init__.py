"""Tests of the scripts in packaging/, which are no package: they are loaded from their files."""
