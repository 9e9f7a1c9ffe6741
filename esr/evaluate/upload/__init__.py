"""The archive that participants upload in the development phase."""
