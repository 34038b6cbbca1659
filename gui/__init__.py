"""The window: everything Qt. Knows the engine's specs and events, nothing of Keras."""
