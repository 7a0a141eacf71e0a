"""Real servers for tests: on free loopback ports, in their own directories, ended by pid."""
