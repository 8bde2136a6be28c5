"""Read by each Python under libfaketime: version 0.9.10 refuses the absolute sleeps that time.sleep makes."""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)
