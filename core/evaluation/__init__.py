"""Measuring: retrieval with labels, indexes against exact search, pictures restored by a codec."""
