"""From answers to files: through Copier itself, without network or engine, in seconds."""
