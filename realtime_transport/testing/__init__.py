"""What tests need, for this library and for programs built on it: virtual time and the contract of a transport."""
