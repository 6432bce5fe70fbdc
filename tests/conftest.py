"""One hypothesis profile for the suite: no deadlines (first calls fill caches), and in CI the
same examples every time."""

import os

from hypothesis import settings

settings.register_profile("conserved", deadline=None, max_examples=50)
settings.register_profile("ci", settings.get_profile("conserved"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "conserved")
