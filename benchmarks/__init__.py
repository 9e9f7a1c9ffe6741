"""What the harness itself costs; nothing in `utils` imports this."""
