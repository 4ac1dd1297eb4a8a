"""Container logs in CRI's format: parsing, reading back, following, rotating."""
