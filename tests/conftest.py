"""For all tests: Hypothesis measures no time, for a busy machine is no failure, and says how to repeat a failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("noex", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noex")
