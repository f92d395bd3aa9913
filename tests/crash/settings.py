"""The product's settings with a victim among the apps; child processes of these tests start with them."""

import os

from config.settings import *  # noqa: F403 -- everything else stays as it is
from config.settings import HEARTBEAT_S, INSTALLED_APPS, LANE_SLICE_S

INSTALLED_APPS = [*INSTALLED_APPS, "tests.crash.victim.VictimConfig"]
LANE_SLICE_S = float(os.environ.get("VICTIM_LANE_SLICE_S", LANE_SLICE_S))
HEARTBEAT_S = float(os.environ.get("VICTIM_HEARTBEAT_S", HEARTBEAT_S))
