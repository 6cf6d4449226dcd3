"""What every test shares: hypothesis without a clock, since the machine that tests may be busy."""

from hypothesis import settings

settings.register_profile("grubkd", deadline=None)
settings.load_profile("grubkd")
