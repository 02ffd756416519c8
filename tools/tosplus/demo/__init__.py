"""The demo: a house of simulated devices, its bench and a hub, to play with or to tell a story that checks itself."""
