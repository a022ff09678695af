"""The demonstration: a voice assistant for the home, on real speech, without a network."""
