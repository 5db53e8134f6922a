"""The closing experiments, one file a section that has one."""
