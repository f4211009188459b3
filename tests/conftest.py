"""No test asks, or fills, the user's store of searches."""

from __future__ import annotations

import os

from red_timeloop.mapper.cache import SWITCH

os.environ.setdefault(SWITCH, "off")
