"""Where runs run: in this process or in child processes, behind one interface."""
