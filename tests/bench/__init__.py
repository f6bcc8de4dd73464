"""What an event costs: held to ceilings and to never growing. The figures themselves are `make bench`."""
