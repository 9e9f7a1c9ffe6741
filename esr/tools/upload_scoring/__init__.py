"""An upload scored as the server does."""
