"""Phone legs: what carriers send and want, as pure codecs, and how their requests are proved."""
