"""What a user asks for: settings declared as fields, specs composed of them, and how texts are parsed."""
