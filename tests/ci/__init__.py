"""What pipelines do, by their own tools: a real registry that wants a login, real signatures."""
