"""A billing engine that behaves as Stripe's does, and the objects it leaves behind."""
