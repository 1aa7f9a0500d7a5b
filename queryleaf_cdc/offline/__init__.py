"""Plans executed without a server: bound queries over documents in memory, change events made by hand or recorded."""
