"""Window functions over the rows of a partition: how far each reaches, and its values over a stretch of rows."""
