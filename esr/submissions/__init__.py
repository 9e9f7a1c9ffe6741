"""What teams hand in: our own layout, clones of official repositories, archives."""
