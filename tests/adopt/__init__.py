"""Existing services under the template: what is kept, what is said, and that nothing is lost."""
