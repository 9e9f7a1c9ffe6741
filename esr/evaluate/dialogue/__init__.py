"""What a worker is given and says, each in its turn, by the parent's clock."""
