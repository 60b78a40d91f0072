"""The real Renovate on real repositories, with nothing but the loopback interface around it."""
