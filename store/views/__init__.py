"""What people and scripts ask of the store: one module a question, each a frozen answer and its JSON shape."""
