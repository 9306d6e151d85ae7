"""What make_formats.py makes, and how."""
