"""What the harness itself costs; nothing in `esr` imports this."""
