"""Incremental operators over weighted rows and keyed state. Pure: no clock and no server but those that are given."""
