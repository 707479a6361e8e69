"""Real servers for the tests, from Debian packages, each started on a free loopback port in a directory of its own."""
