"""What people and machines do at their worst."""
