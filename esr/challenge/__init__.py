"""What a year measures and ranks by, and the field's data sets."""
