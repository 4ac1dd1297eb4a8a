"""Removing images that no Pod needs when the disk fills up: what goes (``decision``), and carrying it out (``collector``)."""
