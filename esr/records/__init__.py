"""What a measurement and a record consist of, and the results folder."""
