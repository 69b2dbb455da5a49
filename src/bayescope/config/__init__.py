"""From a YAML file, or a mapping, to a checked and frozen `RunConfig`."""
