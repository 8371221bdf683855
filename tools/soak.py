"""Every property-based test, with many more examples than the suite takes: `make soak`.

python tools/soak.py [EXAMPLES]
"""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings


def main() -> int:
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    os.environ["HYPOTHESIS_PROFILE"] = "soak"  # the modules that load a profile look here
    settings.register_profile(
        "soak",
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("soak")
    # Hypothesis was imported before pytest could rewrite its assertions; it has none that matter.
    quiet = "ignore::pytest.PytestAssertRewriteWarning"
    return int(pytest.main(["-q", "-m", "hypothesis", "-W", quiet]))


if __name__ == "__main__":
    sys.exit(main())
