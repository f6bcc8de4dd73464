"""What an event costs: this library against the bare socket and against its peers. ``python -m bench --help``."""
