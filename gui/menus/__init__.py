"""Menus, actions and keyboard shortcuts."""
