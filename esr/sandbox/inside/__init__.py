"""What of the sandbox runs in the process of the submission."""
