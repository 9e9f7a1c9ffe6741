"""What could deceive."""
