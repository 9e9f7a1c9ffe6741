"""What every room uses: errors, files, text, threads."""
