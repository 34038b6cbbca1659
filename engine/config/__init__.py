"""What a user requests: settings declared as fields, specs composed of them, and their text formats."""
