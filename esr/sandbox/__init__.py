"""What a submission may do to the machine, and what it was seen doing."""
