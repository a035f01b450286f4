"""What Cloud Functions loads: the names of the entry points, after a look at the settings."""

from functions.admin import admin
from functions.converge import converge
from functions.fleet import fleet
from functions.offboard import offboard
from functions.onboard import onboard
from functions.reconcile import reconcile
from shared.bootstrap import check_settings

__all__ = ["admin", "converge", "fleet", "offboard", "onboard", "reconcile"]

check_settings()
